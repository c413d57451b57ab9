import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What is repeated when a request is repeated. */
export interface StoredResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/**
 * Encrypts a response under the caller's bearer token (HKDF-SHA-256, AES-256-GCM). Responses may hold secrets that are
 * shown once; the database alone, or another caller's key, does not open them. `context` is bound in as well.
 */
export function sealResponse(token: string, context: string, response: StoredResponse): Buffer {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', derive(token, salt, 'response'), nonce);
  cipher.setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(response)), cipher.final()]);
  return Buffer.concat([salt, nonce, cipher.getAuthTag(), sealed]);
}

/** Throws where token or context are not the ones it was sealed with. */
export function openResponse(token: string, context: string, box: Uint8Array): StoredResponse {
  const bytes = Buffer.from(box);
  const salt = bytes.subarray(0, SALT_BYTES);
  const nonce = bytes.subarray(SALT_BYTES, SALT_BYTES + NONCE_BYTES);
  const tag = bytes.subarray(SALT_BYTES + NONCE_BYTES, SALT_BYTES + NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', derive(token, salt, 'response'), nonce, {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(tag);
  const sealed = bytes.subarray(SALT_BYTES + NONCE_BYTES + TAG_BYTES);
  const text = Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8');
  return JSON.parse(text) as StoredResponse;
}

/** Fingerprint of a request. Keyed by the token, so that a password in the body cannot be guessed from the database. */
export function fingerprintRequest(token: string, parts: readonly string[]): Buffer {
  const hmac = createHmac('sha256', derive(token, Buffer.alloc(0), 'request'));
  for (const part of parts) hmac.update(`${Buffer.byteLength(part)}:${part}`);
  return hmac.digest();
}

function derive(token: string, salt: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', token, salt, `quayside idempotency ${purpose} v1`, 32));
}
