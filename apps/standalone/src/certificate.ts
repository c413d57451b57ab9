import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Config } from '@quayside/config';
import { writeSecretFile } from './secret-file.js';

const DAY_MS = 86_400_000;
const VALID_DAYS = 397;
/** A certificate with less than this left is made anew. */
const RENEW_BEFORE_MS = 30 * DAY_MS;

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly selfSigned: boolean;
}

/**
 * The certificate of the FTP listeners: the operator's, or a self-signed one in the data folder that is renewed in
 * time. ECDSA P-256, because its handshakes cost a fraction of RSA's.
 */
export async function certificateFiles(config: Config, now = Date.now()): Promise<CertificateFiles> {
  const { certFile, keyFile } = config.tls;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile, selfSigned: false };
  const folder = join(config.dataDir, 'tls');
  const files = { certFile: join(folder, 'certificate.pem'), keyFile: join(folder, 'key.pem'), selfSigned: true };
  if (isGood(files, now)) return files;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  // Large, and mostly there is one already.
  const { generate } = await import('selfsigned');
  const names = alternativeNames(config.ftp.publicAddress);
  const pair = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // An hour of grace for clients whose clock is behind.
    notBeforeDate: new Date(now - 3_600_000),
    notAfterDate: new Date(now + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
      },
    ],
  });
  writeSecretFile(files.keyFile, pair.private);
  writeFileSync(files.certFile, pair.cert, { mode: 0o644 });
  return files;
}

function isGood(files: CertificateFiles, now: number): boolean {
  try {
    const certificate = new X509Certificate(readFileSync(files.certFile));
    const key = createPrivateKey(readFileSync(files.keyFile));
    return certificate.checkPrivateKey(key) && Date.parse(certificate.validTo) - now > RENEW_BEFORE_MS;
  } catch {
    return false;
  }
}

/** Every name and address under which this machine may be reached. */
function alternativeNames(publicAddress: string | undefined): string[] {
  const own = Object.values(networkInterfaces())
    .flat()
    .filter((face) => face !== undefined && !face.address.startsWith('fe80:'))
    .map((face) => face?.address ?? '');
  const host = /^[A-Za-z0-9.-]+$/.test(hostname()) ? [hostname()] : [];
  return [...new Set(['localhost', ...host, '127.0.0.1', '::1', ...own, ...(publicAddress ? [publicAddress] : [])])];
}
