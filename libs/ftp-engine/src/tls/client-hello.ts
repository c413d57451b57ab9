import type { Socket } from 'node:net';

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
/** Longest ClientHello that is read ahead, in bytes; larger ones go to OpenSSL unread. */
const MAX_BYTES = 16 * 1024;
const SERVER_NAME = 0;
const SESSION_TICKET = 35;
const PRE_SHARED_KEY = 41;

/** What of a ClientHello (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2) decides whose connection it is. */
export interface ClientHello {
  /** Of server_name (RFC 6066 §3), as sent; null where there is none. */
  readonly serverName: string | null;
  /** Tickets of sessions that the client would resume: TLS 1.2 (RFC 5077) and TLS 1.3 (pre_shared_key). */
  readonly tickets: readonly Buffer[];
}

const NOTHING: ClientHello = { serverName: null, tickets: [] };

/** `more` where it is not whole yet; with nothing in it where these bytes begin no ClientHello that can be read. */
export function parseClientHello(bytes: Buffer): ClientHello | 'more' {
  const message = handshakeMessage(bytes);
  if (message === 'more') return 'more';
  if (message === null) return NOTHING;
  try {
    return fieldsOf(message);
  } catch {
    // It ends in the middle of a field: OpenSSL will say so to the client.
    return NOTHING;
  }
}

/** The first handshake message, put together from its records. */
function handshakeMessage(bytes: Buffer): Buffer | 'more' | null {
  const fragments: Buffer[] = [];
  let gathered = 0;
  for (let at = 0; ;) {
    if (at < bytes.length && bytes[at] !== HANDSHAKE) return null;
    if (bytes.length < at + RECORD_HEADER) return bytes.length > MAX_BYTES ? null : 'more';
    if (bytes[at + 1] !== 3) return null;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > MAX_BYTES) return null;
    const fragment = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    fragments.push(fragment);
    gathered += fragment.length;
    if (gathered >= 4) {
      const message = fragments.length === 1 ? fragment : Buffer.concat(fragments);
      const size = message.readUIntBE(1, 3);
      if (message[0] !== CLIENT_HELLO || size > MAX_BYTES) return null;
      if (gathered >= 4 + size) return message.subarray(4, 4 + size);
    }
    if (fragment.length < length) return bytes.length > 2 * MAX_BYTES ? null : 'more';
    at += RECORD_HEADER + length;
  }
}

/** Throws a RangeError where the message is too short for what it announces. */
function fieldsOf(message: Buffer): ClientHello {
  let at = 2 + 32;
  at += 1 + message.readUInt8(at);
  at += 2 + message.readUInt16BE(at);
  at += 1 + message.readUInt8(at);
  let serverName: string | null = null;
  const tickets: Buffer[] = [];
  if (at === message.length) return NOTHING;
  const end = at + 2 + message.readUInt16BE(at);
  for (at += 2; at < end;) {
    const kind = message.readUInt16BE(at);
    const body = message.subarray(at + 4, at + 4 + message.readUInt16BE(at + 2));
    at += 4 + body.length;
    if (kind === SERVER_NAME && body.length > 5 && body[2] === 0) {
      serverName = body.subarray(5, 5 + body.readUInt16BE(3)).toString('latin1');
    } else if (kind === SESSION_TICKET && body.length > 0) tickets.push(body);
    else if (kind === PRE_SHARED_KEY) tickets.push(...identitiesOf(body));
    if (body.length === 0 && at >= message.length) break;
  }
  return { serverName, tickets };
}

function identitiesOf(body: Buffer): Buffer[] {
  const identities: Buffer[] = [];
  const end = 2 + body.readUInt16BE(0);
  for (let at = 2; at < end;) {
    const length = body.readUInt16BE(at);
    identities.push(body.subarray(at + 2, at + 2 + length));
    at += 2 + length + 4;
  }
  return identities;
}

/**
 * Look at the ClientHello that comes on a socket which nobody reads, and leave its bytes in the socket, paused. Null
 * where the connection ends before it is whole; the socket is destroyed then. The caller has the deadline.
 */
export function readClientHello(socket: Socket): Promise<ClientHello | null> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    const finish = (hello: ClientHello | null): void => {
      socket.off('readable', onReadable).off('close', onGone).off('end', onGone);
      if (hello === null) socket.destroy();
      else {
        if (bytes.length > 0) socket.unshift(bytes);
        socket.pause();
      }
      resolve(hello);
    };
    const onGone = (): void => finish(null);
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const hello = parseClientHello(bytes);
      if (hello !== 'more') finish(hello);
    };
    if (socket.destroyed) return resolve(null);
    socket.on('close', onGone).on('end', onGone).on('readable', onReadable);
  });
}
