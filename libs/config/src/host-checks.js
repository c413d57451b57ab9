import { createPrivateKey, X509Certificate } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
/** What only this machine can answer: folders that can be written, certificate files that fit together. */
export function hostChecks(values) {
  const faults = [];
  for (const name of ['DATA_DIR', 'STORAGE_ROOT', 'SPOOL_DIR']) {
    const folder = values[name];
    const reason = folder === undefined ? undefined : whyNotWritable(folder);
    if (reason !== undefined) {
      faults.push({
        name,
        message: `${folder} cannot be written (${reason}): choose another folder or give this user the right to it`,
      });
    }
  }
  return [...faults, ...certificateChecks(values.FTP_TLS_CERT, values.FTP_TLS_KEY)];
}
function whyNotWritable(folder) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return error.code ?? String(error);
  }
}
function certificateChecks(certFile, keyFile) {
  if (certFile === undefined || keyFile === undefined) return [];
  const faults = [];
  const certificate = read('FTP_TLS_CERT', certFile, 'a PEM certificate', (pem) => new X509Certificate(pem), faults);
  const key = read('FTP_TLS_KEY', keyFile, 'a PEM private key without a passphrase', privateKey, faults);
  if (certificate !== undefined && key !== undefined && !certificate.checkPrivateKey(key)) {
    faults.push({ name: 'FTP_TLS_KEY', message: `${keyFile} is not the key of the certificate in ${certFile}` });
  }
  return faults;
}
function privateKey(pem) {
  return createPrivateKey(pem);
}
function read(name, file, what, parse, faults) {
  let content;
  try {
    content = readFileSync(file);
  } catch (error) {
    faults.push({ name, message: `${file} cannot be read (${error.code ?? 'error'})` });
    return undefined;
  }
  try {
    return parse(content);
  } catch {
    faults.push({ name, message: `${file} is not ${what}` });
    return undefined;
  }
}
//# sourceMappingURL=host-checks.js.map
