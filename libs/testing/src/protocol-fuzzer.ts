import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What a fuzz run came to. */
export interface FuzzReport {
  readonly commands: number;
  readonly sessions: number;
  /** Reply lines that are none of RFC 959 §4.2; empty where the server kept to it. */
  readonly malformed: readonly string[];
}

const VERBS =
  'USER PASS ACCT REIN QUIT AUTH PBSZ PROT CCC PORT PASV EPRT EPSV TYPE STRU MODE RETR STOR STOU APPE REST ALLO ABOR RNFR RNTO DELE RMD MKD PWD CWD CDUP LIST NLST STAT MLST MLSD SIZE MDTM MFMT FEAT OPTS HELP SITE SYST NOOP CLNT HOST LANG AVBL HASH XCRC XMD5 XSHA1 XSHA256 XMKD XRMD XPWD XCWD XCUP SMNT ADAT MIC CONF ENC BOGUS'.split(
    ' ',
  );
const ARGUMENTS = [
  '',
  'a',
  '/',
  '..',
  '../../../etc/passwd',
  '*',
  '[',
  '-la',
  '-R /',
  'a b "c"',
  '%n%s',
  'A',
  'I',
  'L 8',
  'TLS-X',
  '0',
  '-1',
  '99999999999999999999',
  'UTF8 ON',
  'MLST size;',
  'CHMOD 777 a',
  'UTIME 20200101000000 a',
  'QUOTA',
  '20200101000000 a',
  'ALL',
  '127,0,0,1,255,255',
  '|1|127.0.0.1|65535|',
  '|2|::1|1|',
  'x'.repeat(300),
  'é€😀',
];

/** mulberry32: small, seedable, the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Sends random commands, bytes, splits, data connections and resets to an FTP server, and looks at nothing but the form
 * of what it says. The same seed sends the same bytes.
 */
export class ProtocolFuzzer {
  readonly #random: () => number;
  readonly #malformed: string[] = [];
  #commands = 0;
  #sessions = 0;

  constructor(
    readonly port: number,
    seed: number,
    readonly credentials: { readonly user: string; readonly password: string },
  ) {
    this.#random = randomFrom(seed);
  }

  async run(commands: number): Promise<FuzzReport> {
    while (this.#commands < commands) await this.#session(Math.min(200, commands - this.#commands));
    return { commands: this.#commands, sessions: this.#sessions, malformed: this.#malformed };
  }

  async #session(commands: number): Promise<void> {
    this.#sessions++;
    const control = await dial(this.port);
    const data: Socket[] = [];
    let tail = '';
    control.setEncoding('latin1').on('data', (chunk: string) => {
      const lines = (tail + chunk).split('\r\n');
      tail = lines.pop()!;
      for (const line of lines) this.#look(line, data);
    });
    const closed = once(control, 'close');
    if (this.#random() < 0.8) control.write(`USER ${this.credentials.user}\r\nPASS ${this.credentials.password}\r\n`);
    for (let sent = 0; sent < commands && !control.destroyed; sent++) {
      await this.#send(control, this.#line());
      this.#commands++;
      // Lets what was sent arrive in pieces of its own now and then.
      if (this.#random() < 0.2) await new Promise(setImmediate);
    }
    if (this.#random() < 0.5) control.resetAndDestroy();
    else control.end();
    for (const socket of data) socket.destroy();
    const cut = setTimeout(() => control.destroy(), 500);
    await closed;
    clearTimeout(cut);
  }

  #look(line: string, data: Socket[]): void {
    if (!/^(?:\d{3}[ -]| )/.test(line)) this.#malformed.push(line.slice(0, 200));
    const port = /\|\|\|(\d+)\|/.exec(line)?.[1];
    if (port === undefined || data.length > 20 || this.#malformed.length > 100) return;
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
    data.push(socket);
    socket.resume();
    // Of the port, not of the generator: when replies come must not change what is sent.
    if (Number(port) % 3 === 0) socket.on('connect', () => socket.resetAndDestroy());
    else socket.end(Buffer.alloc(Number(port) % 5000, 'x'));
  }

  #line(): Buffer {
    const verb = this.#pick(VERBS);
    const shape = this.#random();
    if (shape < 0.04) return Buffer.from(Array.from({ length: this.#below(64) }, () => this.#below(256)));
    if (shape < 0.05) return Buffer.from(`${verb} ${'y'.repeat(this.#below(9000))}\r\n`);
    if (shape < 0.08) return Buffer.concat([Buffer.from([255, 244, 255, 242]), Buffer.from(`${verb}\r\n`)]);
    if (shape < 0.18) return Buffer.from('EPSV\r\n');
    const cased = this.#random() < 0.3 ? verb.toLowerCase() : verb;
    const name = this.#random() < 0.5 ? this.#pick(ARGUMENTS) : `f${this.#below(20)}`;
    const end = this.#random() < 0.1 ? '\n' : '\r\n';
    return Buffer.from(name === '' ? `${cased}${end}` : `${cased} ${name}${end}`);
  }

  async #send(control: Socket, bytes: Buffer): Promise<void> {
    if (this.#random() < 0.1 && bytes.length > 1) {
      const at = 1 + this.#below(bytes.length - 1);
      control.write(bytes.subarray(0, at));
      await new Promise(setImmediate);
      if (!control.destroyed) control.write(bytes.subarray(at));
    } else if (!control.destroyed) control.write(bytes);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)]!;
  }
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}
