import { createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';

const NAME_BYTES = 16;
const IV_BYTES = 16;
const MAC_BYTES = 32;
const SEQUENCE = 0x30;
const OCTETS = 0x04;
/** Field [4] of OpenSSL's SSL_SESSION. */
const SESSION_ID_CONTEXT = 0xa4;

/**
 * The session id context in a ticket that Node has sealed with these keys (48 bytes: name, HMAC key, AES key; RFC 5077
 * §4 in Node's sizes), as text; null where the ticket is somebody else's, or spoilt.
 */
export function sessionIdContextOf(ticket: Buffer, keys: Buffer): string | null {
  const sealed = ticket.subarray(0, ticket.length - MAC_BYTES);
  if (sealed.length <= NAME_BYTES + IV_BYTES || !sealed.subarray(0, NAME_BYTES).equals(keys.subarray(0, NAME_BYTES))) {
    return null;
  }
  const mac = createHmac('sha256', keys.subarray(16, 32)).update(sealed).digest();
  if (!timingSafeEqual(mac, ticket.subarray(ticket.length - MAC_BYTES))) return null;
  try {
    const iv = sealed.subarray(NAME_BYTES, NAME_BYTES + IV_BYTES);
    const decipher = createDecipheriv('aes-128-cbc', keys.subarray(32, 48), iv);
    const session = Buffer.concat([decipher.update(sealed.subarray(NAME_BYTES + IV_BYTES)), decipher.final()]);
    return contextOf(session);
  } catch {
    return null;
  }
}

/** Throws where it is no DER. */
function contextOf(session: Buffer): string | null {
  const [sequence] = elementsOf(session);
  if (sequence?.tag !== SEQUENCE) return null;
  const field = elementsOf(sequence.body).find(({ tag }) => tag === SESSION_ID_CONTEXT);
  const [octets] = field === undefined ? [] : elementsOf(field.body);
  return octets?.tag === OCTETS ? octets.body.toString('latin1') : null;
}

function elementsOf(der: Buffer): { readonly tag: number; readonly body: Buffer }[] {
  const elements: { tag: number; body: Buffer }[] = [];
  for (let at = 0; at < der.length;) {
    const tag = der.readUInt8(at);
    let length = der.readUInt8(at + 1);
    at += 2;
    if (length > 0x80) {
      const size = length - 0x80;
      length = der.readUIntBE(at, size);
      at += size;
    }
    elements.push({ tag, body: der.subarray(at, at + length) });
    at += length;
  }
  return elements;
}
