import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';

const KEYS = { rsa: { keyType: 'rsa', keySize: 2048 }, ecdsa: { keyType: 'ec', curve: 'P-256' } };

/** The one certificate that all servers show; `kind` is rsa or ecdsa. */
export async function makeCertificate(folder, kind) {
  const pair = await generate([{ name: 'commonName', value: 'localhost' }], { ...KEYS[kind], algorithm: 'sha256' });
  const files = {
    certFile: join(folder, 'cert.pem'),
    keyFile: join(folder, 'key.pem'),
    bothFile: join(folder, 'both.pem'),
  };
  writeFileSync(files.certFile, pair.cert);
  writeFileSync(files.keyFile, pair.private, { mode: 0o600 });
  writeFileSync(files.bothFile, `${pair.private}${pair.cert}`, { mode: 0o600 });
  return { kind, ...files };
}
