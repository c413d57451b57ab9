import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '@quayside/config';
import { secretFile } from './secret-file.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** The first platform-admin key, and where a person finds it. */
export interface AdminKey {
  readonly key: string;
  /** Null where the operator has set the key himself. */
  readonly file: string | null;
}

export function adminKey(config: Config): AdminKey {
  if (config.bootstrapAdminKey !== undefined) return { key: config.bootstrapAdminKey, file: null };
  const file = join(config.dataDir, 'admin-key');
  return { key: secretFile(file, () => `qs_${random(8)}_${random(43)}`), file };
}

function random(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
