import { isAscii } from 'node:buffer';

/** A line that was longer than the cap; its bytes are gone. */
export const OVERLONG = Symbol('overlong line');

const LF = 0x0a;
const IAC = 0xff;
/** Telnet WILL, WONT, DO and DONT carry one option byte (RFC 854). */
const WILL = 251;
/** The lowest byte that is a Telnet command after IAC; below it, a lone 0xFF was data that the client did not double. */
const LOWEST_COMMAND = 236;
const EMPTY = Buffer.alloc(0);

/**
 * ABOR whose line feed does not come: Python's ftplib, and others after RFC 959, send the line as urgent data, and the
 * kernel takes its last byte, the LF, out of the stream. The bytes before are what is left of Telnet controls.
 */
const URGENT_ABOR = /^[^A-Za-z]{0,8}ABOR\r$/i;
const URGENT_ABOR_BYTES = 13;

/**
 * Bytes of a control connection to command lines: CRLF or bare LF, Telnet controls stripped (RFC 959 §2.3, RFC 854), a
 * cap on the length. Pull-based, so that the owner decides when the next line is looked at; holds what was pushed and
 * not pulled, and one capped line.
 */
export class LineReader {
  #buffer: Buffer = EMPTY;
  /** The buffer as text where all of it is ASCII: lines are then cut from the string. */
  #text: string | null = '';
  #at = 0;
  /** The end of the last chunk that may be the beginning of a Telnet sequence. */
  #telnet: Buffer = EMPTY;
  #discarding = false;
  /** Whether the buffer is the reader's own, and no part of a chunk, whose memory others are read into as well. */
  #kept = true;
  /** A line was taken without its LF, which may still come in the stream. */
  #skipLineFeed = false;

  constructor(
    readonly capBytes: number,
    readonly decode: (bytes: Buffer) => string,
  ) {}

  /** Bytes that were pushed and not yet handed out. */
  get bufferedBytes(): number {
    return this.#buffer.length - this.#at + this.#telnet.length;
  }

  /** Whether something that was pushed and not yet handed out matches. */
  holds(pattern: RegExp): boolean {
    return pattern.test((this.#text ?? this.#buffer.toString('latin1')).slice(this.#at));
  }

  /** The chunk is read where it is: before its memory is used for another call {@link keep}. */
  push(chunk: Buffer): void {
    const rest = this.#at < this.#buffer.length ? this.#buffer.subarray(this.#at) : null;
    let bytes = chunk;
    let ascii = isAscii(chunk);
    const stripped = this.#telnet.length > 0 || (!ascii && chunk.includes(IAC));
    if (stripped) {
      bytes = this.#stripTelnet(chunk);
      ascii = isAscii(bytes);
    }
    if (this.#skipLineFeed && bytes.length > 0) {
      if (bytes[0] === LF) bytes = bytes.subarray(1);
      this.#skipLineFeed = false;
    }
    this.#buffer = rest === null ? bytes : Buffer.concat([rest, bytes]);
    ascii &&= rest === null || this.#text !== null;
    this.#text = ascii ? this.#buffer.toString('latin1') : null;
    this.#at = 0;
    this.#kept = rest !== null || stripped;
  }

  /** Copy what was pushed and not yet handed out to memory of the reader's own. */
  keep(): void {
    if (!this.#kept) this.#copyRest();
  }

  /** The next line without its end; null when more bytes are needed. */
  next(): string | typeof OVERLONG | null {
    const text = this.#text;
    const end = text === null ? this.#buffer.indexOf(LF, this.#at) : text.indexOf('\n', this.#at);
    if (end < 0) {
      const urgent = this.#takeUrgentAbor();
      if (urgent === null) this.#keepTail();
      return urgent;
    }
    const start = this.#at;
    this.#at = end + 1;
    if (this.#discarding) {
      this.#discarding = false;
      return OVERLONG;
    }
    const stop = end > start && this.#buffer[end - 1] === 0x0d ? end - 1 : end;
    if (stop - start > this.capBytes) return OVERLONG;
    return text === null ? this.decode(this.#buffer.subarray(start, stop)) : text.slice(start, stop);
  }

  /** Forget everything that was not handed out (AUTH: nothing sent in clear may run after TLS). */
  clear(): void {
    this.#buffer = EMPTY;
    this.#text = '';
    this.#at = 0;
    this.#telnet = EMPTY;
    this.#discarding = false;
    this.#skipLineFeed = false;
  }

  #takeUrgentAbor(): string | null {
    const length = this.#buffer.length - this.#at;
    if (length > URGENT_ABOR_BYTES || this.#discarding || this.#buffer[this.#buffer.length - 1] !== 0x0d) return null;
    const tail = this.#buffer.toString('latin1', this.#at);
    if (!URGENT_ABOR.test(tail)) return null;
    this.#at = this.#buffer.length;
    this.#skipLineFeed = true;
    return 'ABOR';
  }

  /** Keep an unfinished line by itself, so that it does not hold its chunk in memory; drop it past the cap. */
  #keepTail(): void {
    const length = this.#buffer.length - this.#at;
    // One more than the cap: the CR of a line of exactly the cap.
    if (this.#discarding || length > this.capBytes + 1) {
      this.#discarding = true;
      this.#at = this.#buffer.length;
    }
    if (this.#at > 0 || this.#buffer.buffer.byteLength > 2 * this.capBytes) this.#copyRest();
  }

  #copyRest(): void {
    const empty = this.#at === this.#buffer.length;
    this.#buffer = empty ? EMPTY : Buffer.from(this.#buffer.subarray(this.#at));
    this.#text = empty ? '' : (this.#text?.slice(this.#at) ?? null);
    this.#at = 0;
    this.#kept = true;
  }

  #stripTelnet(chunk: Buffer): Buffer {
    const input = this.#telnet.length > 0 ? Buffer.concat([this.#telnet, chunk]) : chunk;
    this.#telnet = EMPTY;
    const output = Buffer.allocUnsafe(input.length);
    let length = 0;
    let at = 0;
    while (at < input.length) {
      const byte = input[at]!;
      if (byte !== IAC) {
        output[length++] = byte;
        at++;
        continue;
      }
      const command = input[at + 1];
      if (command === undefined || (command >= WILL && command < IAC && at + 2 >= input.length)) {
        this.#telnet = Buffer.from(input.subarray(at));
        break;
      }
      if (command === IAC) {
        output[length++] = IAC;
        at += 2;
      } else if (command >= WILL) at += 3;
      else if (command >= LOWEST_COMMAND) at += 2;
      else {
        output[length++] = IAC;
        at++;
      }
    }
    return output.subarray(0, length);
  }
}
