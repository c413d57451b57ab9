import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';

/** Writes a file that only its owner reads; it is whole or not there. */
export function writeSecretFile(file: string, content: string): void {
  const fresh = `${file}.${randomBytes(4).toString('hex')}`;
  const fd = openSync(fresh, 'wx', 0o600);
  try {
    writeSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, file);
}

/** The secret in this file, made on first use. */
export function secretFile(file: string, make: () => string): string {
  try {
    const content = readFileSync(file, 'utf8').trim();
    if (content !== '') return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const secret = make();
  writeSecretFile(file, `${secret}\n`);
  return secret;
}
