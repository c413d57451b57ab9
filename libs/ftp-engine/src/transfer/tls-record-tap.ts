import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

const ALERT = 21;
const APPLICATION_DATA = 23;
const HEADER_BYTES = 5;
/** TLS 1.3 adds the true content type and a 16 byte tag to what a record carries. */
const OVERHEAD_BYTES = 17;
/** An alert is 2 bytes; a KeyUpdate message, which may come between, 5. */
const ALERT_BYTES = 2;
const KEY_UPDATE_BYTES = 5;

/**
 * Stands between a data socket and its TLS and reads along the headers of the client's records, because Node tells
 * nobody whether a TLS stream ended by close_notify or was cut off by a plain FIN. Only the `strict` end of uploads
 * needs it: it costs about half of the throughput.
 */
export class TlsRecordTap extends Duplex {
  readonly #raw: Socket;
  /** Header bytes of a record whose header a chunk border has cut. */
  #header: number[] = [];
  /** Payload bytes of the present record that are still to come. */
  #payloadLeft = 0;
  #lastType = 0;
  #lastLength = 0;
  #encryptedBytes = 0;

  constructor(raw: Socket) {
    super({ allowHalfOpen: true });
    this.#raw = raw;
    raw.on('data', (chunk: Buffer) => {
      this.#follow(chunk);
      if (!this.push(chunk)) raw.pause();
    });
    raw.on('end', () => this.push(null));
    raw.on('error', (error) => this.destroy(error));
    raw.on('close', () => this.destroy());
  }

  /**
   * Whether the client closed its side with close_notify.
   * @param plaintextBytes what came out of the TLS stream in all
   * @param cipher standard name of the cipher suite, protocol as `getProtocol` names it
   */
  closedByNotify(plaintextBytes: number, protocol: string | null, cipher: string): boolean {
    if (this.#payloadLeft > 0 || this.#header.length > 0) return false;
    if (protocol !== 'TLSv1.3') return this.#lastType === ALERT;
    // All encrypted records look alike. What they carry beyond the data is the client's Finished, and the alert.
    const finished = cipher.endsWith('SHA384') ? 52 : 36;
    const rest = this.#encryptedBytes - plaintextBytes - finished;
    return this.#lastLength === ALERT_BYTES + OVERHEAD_BYTES && rest % KEY_UPDATE_BYTES === ALERT_BYTES;
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#raw.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#raw.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#raw.destroy();
    done(error);
  }

  #follow(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#payloadLeft > 0) {
        const skipped = Math.min(this.#payloadLeft, chunk.length - at);
        this.#payloadLeft -= skipped;
        at += skipped;
        continue;
      }
      this.#header.push(chunk[at++]!);
      if (this.#header.length === HEADER_BYTES) this.#begin();
    }
  }

  #begin(): void {
    const [type, , , high, low] = this.#header as [number, number, number, number, number];
    this.#header = [];
    this.#lastType = type;
    this.#lastLength = high * 256 + low;
    this.#payloadLeft = this.#lastLength;
    if (type === APPLICATION_DATA) this.#encryptedBytes += this.#lastLength - OVERHEAD_BYTES;
  }
}
