import type { Socket } from 'node:net';
import { SocketInput } from '../control/socket-input.js';

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
/** Longest ClientHello that is read ahead, in bytes; larger ones go to OpenSSL unread. */
const MAX_BYTES = 16 * 1024;
/** The same for the records that it comes in. */
const MAX_RECORD_BYTES = 32 * 1024;
/** A DNS name (RFC 1035 §2.3.4), in what it may be written with. */
const DNS_NAME = /^[\w.-]{1,255}$/;
const SERVER_NAME = 0;
const SESSION_TICKET = 35;
const PRE_SHARED_KEY = 41;

/** What of a ClientHello (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2) decides whose connection it is. */
export interface ClientHello {
  /** Of server_name (RFC 6066 §3), in lower case; null where there is none, or none that is a name. */
  readonly serverName: string | null;
  /** Tickets of sessions that the client would resume: TLS 1.2 (RFC 5077) and TLS 1.3 (pre_shared_key). */
  readonly tickets: readonly Buffer[];
}

const NO_BYTES = Buffer.alloc(0);
const NOTHING: ClientHello = { serverName: null, tickets: [] };

/**
 * Finds the first handshake message in a stream of records. Every byte is looked at once, however it comes: a client may
 * cut its message into records of one byte, and send those byte by byte.
 */
export class ClientHelloReader {
  /** Of the record header that is being read. */
  #headerBytes = 0;
  /** The high byte of its length. */
  #recordBytes = 0;
  /** Bytes of the current record that are still to come. */
  #recordLeft = 0;
  #message = NO_BYTES;
  #messageBytes = 0;
  #seen = 0;

  /** `more` where it is not whole yet; with nothing in it where the bytes so far begin no ClientHello that can be read. */
  push(chunk: Buffer): ClientHello | 'more' {
    if (this.#seen === 0 && isOneRecord(chunk)) {
      // So it comes mostly, and is read where it is.
      const whole = wholeOf(chunk.subarray(RECORD_HEADER));
      if (whole !== 'more') return whole;
    }
    for (let at = 0; at < chunk.length;) {
      if (this.#recordLeft === 0) {
        if (!this.#pushHeader(chunk[at++]!)) return NOTHING;
      } else {
        const body = chunk.subarray(at, at + this.#recordLeft);
        at += body.length;
        this.#recordLeft -= body.length;
        this.#append(body);
        const whole = wholeOf(this.#message.subarray(0, this.#messageBytes));
        if (whole !== 'more') return whole;
      }
    }
    this.#seen += chunk.length;
    return this.#seen > MAX_RECORD_BYTES ? NOTHING : 'more';
  }

  /** False where it is no header of a handshake record. */
  #pushHeader(byte: number): boolean {
    const place = this.#headerBytes++;
    if (place === 0) return byte === HANDSHAKE;
    if (place === 1) return byte === 3;
    if (place === 3) this.#recordBytes = byte << 8;
    if (this.#headerBytes < RECORD_HEADER) return true;
    this.#headerBytes = 0;
    this.#recordLeft = this.#recordBytes | byte;
    return this.#recordLeft > 0 && this.#recordLeft <= MAX_BYTES;
  }

  /** What is over the longest message is not kept: it belongs to no message that is read. */
  #append(bytes: Buffer): void {
    const kept = bytes.subarray(0, MESSAGE_HEADER + MAX_BYTES - this.#messageBytes);
    const end = this.#messageBytes + kept.length;
    if (end > this.#message.length) {
      const larger = Buffer.alloc(Math.max(end, 512, 2 * this.#message.length));
      this.#message.copy(larger, 0, 0, this.#messageBytes);
      this.#message = larger;
    }
    kept.copy(this.#message, this.#messageBytes);
    this.#messageBytes = end;
  }
}

function isOneRecord(chunk: Buffer): boolean {
  return (
    chunk.length > RECORD_HEADER &&
    chunk.length <= RECORD_HEADER + MAX_BYTES &&
    chunk[0] === HANDSHAKE &&
    chunk[1] === 3 &&
    chunk.readUInt16BE(3) === chunk.length - RECORD_HEADER
  );
}

/** Of the first handshake message, as far as it has come. */
function wholeOf(message: Buffer): ClientHello | 'more' {
  if (message[0] !== CLIENT_HELLO) return NOTHING;
  if (message.length < MESSAGE_HEADER) return 'more';
  const size = message.readUIntBE(1, 3);
  if (size > MAX_BYTES) return NOTHING;
  if (message.length < MESSAGE_HEADER + size) return 'more';
  try {
    return fieldsOf(message.subarray(MESSAGE_HEADER, MESSAGE_HEADER + size));
  } catch {
    // It ends in the middle of a field: OpenSSL will say so to the client.
    return NOTHING;
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
    const first = at + 4;
    at = Math.min(first + message.readUInt16BE(at + 2), message.length);
    if (at <= first) {
      if (at >= message.length) break;
    } else if (kind === SERVER_NAME && at > first + 5 && message[first + 2] === 0) {
      const body = message.subarray(first, at);
      serverName = asServerName(body.subarray(5, 5 + body.readUInt16BE(3)).toString('latin1')) ?? serverName;
    } else if (kind === SESSION_TICKET) tickets.push(message.subarray(first, at));
    else if (kind === PRE_SHARED_KEY) tickets.push(...identitiesOf(message.subarray(first, at)));
  }
  return { serverName, tickets };
}

/** In lower case; null for what is nobody's name. */
export function asServerName(text: string | null): string | null {
  return text !== null && DNS_NAME.test(text) ? text.toLowerCase() : null;
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
 * where the connection ends before it is whole; the socket is destroyed then. The caller has the deadline. `input` is how
 * the socket has been read until now, if it has.
 */
export function readClientHello(socket: Socket, input = SocketInput.ofStream(socket)): Promise<ClientHello | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const reader = new ClientHelloReader();
    const finish = (hello: ClientHello | null): void => {
      input.silence();
      socket.off('close', onGone).off('end', onGone);
      socket.pause();
      if (hello === null) socket.destroy();
      else socket.unshift(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
      resolve(hello);
    };
    const onGone = (): void => finish(null);
    const onData = (chunk: Buffer): void => {
      // Tickets are parts of it.
      const own = Buffer.from(chunk);
      chunks.push(own);
      const hello = reader.push(own);
      if (hello !== 'more') finish(hello);
    };
    if (socket.destroyed) return resolve(null);
    input.listen(onData);
    socket.on('close', onGone).on('end', onGone);
    socket.resume();
  });
}
