import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import type { SettingFault } from './config-error.js';
import type { SettingValues } from './config.js';

/** What only this machine can answer: folders that can be written, certificate files that fit together. */
export function hostChecks(values: Partial<SettingValues>): SettingFault[] {
  const faults: SettingFault[] = [];
  for (const name of ['DATA_DIR', 'STORAGE_ROOT', 'SPOOL_DIR'] as const) {
    const folder = values[name];
    const reason = folder === undefined ? undefined : whyNotWritable(folder);
    if (reason !== undefined) {
      faults.push({
        name,
        message: `${folder} cannot be written (${reason}): choose another folder or give this user the right to it`,
      });
    }
  }
  const ca = values.FTP_TLS_CLIENT_CA;
  if (ca !== undefined)
    read('FTP_TLS_CLIENT_CA', ca, 'a PEM file of certificates', (pem) => new X509Certificate(pem), faults);
  return [...faults, ...certificateChecks(values.FTP_TLS_CERT, values.FTP_TLS_KEY)];
}

function whyNotWritable(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function certificateChecks(certFile: string | undefined, keyFile: string | undefined): SettingFault[] {
  if (certFile === undefined || keyFile === undefined) return [];
  const faults: SettingFault[] = [];
  const certificate = read('FTP_TLS_CERT', certFile, 'a PEM certificate', (pem) => new X509Certificate(pem), faults);
  const key = read('FTP_TLS_KEY', keyFile, 'a PEM private key without a passphrase', privateKey, faults);
  if (certificate !== undefined && key !== undefined && !certificate.checkPrivateKey(key)) {
    faults.push({ name: 'FTP_TLS_KEY', message: `${keyFile} is not the key of the certificate in ${certFile}` });
  }
  return faults;
}

function privateKey(pem: Buffer): KeyObject {
  return createPrivateKey(pem);
}

function read<T>(
  name: string,
  file: string,
  what: string,
  parse: (content: Buffer) => T,
  faults: SettingFault[],
): T | undefined {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    faults.push({ name, message: `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})` });
    return undefined;
  }
  try {
    return parse(content);
  } catch {
    faults.push({ name, message: `${file} is not ${what}` });
    return undefined;
  }
}
