import { createSecureContext } from 'node:tls';
import { readFile, stat } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import type { ClientAuthorities } from '@quayside/ftp-engine';

/** A PEM pair that has been checked to belong together. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** How often the files' times are looked at, ms. Watching by inode events misses the symlink swaps of certbot and Kubernetes. */
const CHECK_EVERY_MS = 5_000;

/** Reads a PEM pair; throws an Error that names the file and the fault. */
export async function readCertificatePair(certFile: string, keyFile: string): Promise<CertificatePair> {
  const [cert, key] = await Promise.all([
    readFile(certFile, 'utf8').catch((error: Error) =>
      fail(`FTP_TLS_CERT ${certFile} cannot be read: ${error.message}`),
    ),
    readFile(keyFile, 'utf8').catch((error: Error) => fail(`FTP_TLS_KEY ${keyFile} cannot be read: ${error.message}`)),
  ]);
  try {
    // Parses both and fails where the key does not belong to the certificate.
    createSecureContext({ cert, key });
    void new X509Certificate(cert);
  } catch (error) {
    fail(`FTP_TLS_CERT ${certFile} and FTP_TLS_KEY ${keyFile} are not a valid PEM pair: ${(error as Error).message}`);
  }
  return { cert, key };
}

/** Reads who vouches for client certificates: certificates and revocation lists of one PEM file. Throws likewise. */
export async function readClientAuthorities(file: string): Promise<ClientAuthorities> {
  const pem = await readFile(file, 'utf8').catch((error: Error) =>
    fail(`FTP_TLS_CLIENT_CA ${file} cannot be read: ${error.message}`),
  );
  const ca = (pem.match(CERTIFICATES) ?? []).join('\n');
  const crl = pem.match(REVOCATIONS) ?? [];
  try {
    void new X509Certificate(ca);
    createSecureContext({ ca, ...(crl.length === 0 ? {} : { crl }) });
  } catch (error) {
    fail(`FTP_TLS_CLIENT_CA ${file} does not hold valid PEM certificates: ${(error as Error).message}`);
  }
  return { ca, crl };
}

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const REVOCATIONS = /-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g;

function fail(message: string): never {
  throw new Error(message);
}

/**
 * Calls `onChange` with what `read` makes of the files whenever they have changed and are valid; `onFault` where they
 * changed to something unusable (what was before stays in use). Returns a function that stops watching.
 */
export function watchFiles<T>(
  files: readonly string[],
  read: () => Promise<T>,
  onChange: (value: T) => void,
  onFault: (error: Error) => void,
): () => void {
  let known = '';
  let checking = false;
  const check = async (): Promise<void> => {
    if (checking) return;
    checking = true;
    try {
      const states = await Promise.all(files.map((file) => stat(file)));
      const now = states.map(({ ino, mtimeMs, size }) => `${ino}:${mtimeMs}:${size}`).join(' ');
      if (known === '') known = now;
      if (now === known) return;
      known = now;
      onChange(await read());
    } catch (error) {
      onFault(error as Error);
    } finally {
      checking = false;
    }
  };
  void check();
  const timer = setInterval(() => void check(), CHECK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
