import { createSecureContext } from 'node:tls';
import { readFile, stat } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';

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

function fail(message: string): never {
  throw new Error(message);
}

/**
 * Calls `onChange` with the new pair whenever the files have changed and hold a valid pair; `onFault` where they
 * changed to something unusable (the old pair stays in use). Returns a function that stops watching.
 */
export function watchCertificatePair(
  certFile: string,
  keyFile: string,
  onChange: (pair: CertificatePair) => void,
  onFault: (error: Error) => void,
): () => void {
  let known = '';
  let checking = false;
  const check = async (): Promise<void> => {
    if (checking) return;
    checking = true;
    try {
      const [cert, key] = await Promise.all([stat(certFile), stat(keyFile)]);
      const now = `${cert.ino}:${cert.mtimeMs}:${cert.size}:${key.ino}:${key.mtimeMs}:${key.size}`;
      if (known === '') known = now;
      if (now === known) return;
      known = now;
      onChange(await readCertificatePair(certFile, keyFile));
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
