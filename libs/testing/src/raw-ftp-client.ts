import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect, type ConnectionOptions, type TLSSocket } from 'node:tls';

/** One reply as it came: its code and every line. */
export interface RawReply {
  readonly code: number;
  readonly lines: readonly string[];
  /** The whole text with its line ends. */
  readonly text: string;
}

const DEADLINE_MS = 10_000;

/**
 * An FTP client that does nothing by itself: tests write bytes and read replies one by one. Every wait has a deadline,
 * after which it fails with what came so far.
 */
export class RawFtpClient {
  #socket: Socket;
  #text = '';
  #ended = false;
  #wake: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#attach(socket);
  }

  /** Connects; the greeting is not read. */
  static async connect(port: number, host = '127.0.0.1'): Promise<RawFtpClient> {
    const socket = connect({ port, host, noDelay: true });
    await once(socket, 'connect');
    return new RawFtpClient(socket);
  }

  /** Connects with implicit TLS. */
  static async connectTls(port: number, options: ConnectionOptions = {}, host = '127.0.0.1'): Promise<RawFtpClient> {
    const socket = tlsConnect({ port, host, rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    return new RawFtpClient(socket);
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** The TLS socket; fails in clear. */
  get tls(): TLSSocket {
    return this.#socket as TLSSocket;
  }

  /** Bytes as they are; text is sent as UTF-8. */
  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The next reply, which may have come already. */
  async reply(): Promise<RawReply> {
    for (;;) {
      const reply = this.#takeReply();
      if (reply !== null) return reply;
      if (this.#ended) throw new Error(`The connection ended; unread: ${JSON.stringify(this.#text)}`);
      await this.#more();
    }
  }

  /** Send a line and read one reply. */
  async command(line: string): Promise<RawReply> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  /** Send a line, read one reply and fail unless it has the code. */
  async expect(line: string, code: number): Promise<RawReply> {
    const reply = await this.command(line);
    if (reply.code !== code) throw new Error(`${line}: expected ${code}, got ${JSON.stringify(reply.text)}`);
    return reply;
  }

  /** Read the greeting and log in. */
  async login(user = 'bob', password = 'secret'): Promise<void> {
    const greeting = await this.reply();
    if (greeting.code !== 220) throw new Error(`no greeting: ${greeting.text}`);
    await this.expect(`USER ${user}`, 331);
    await this.expect(`PASS ${password}`, 230);
  }

  /** AUTH TLS and the handshake. */
  async secure(options: ConnectionOptions = {}): Promise<void> {
    await this.expect('AUTH TLS', 234);
    await this.handshake(options);
  }

  /** The handshake alone, on the present socket. */
  async handshake(options: ConnectionOptions = {}): Promise<void> {
    const raw = this.#socket;
    raw.removeAllListeners('data');
    const secured = tlsConnect({ socket: raw, rejectUnauthorized: false, ...options });
    await Promise.race([
      once(secured, 'secureConnect'),
      once(secured, 'close').then(() => Promise.reject(new Error('closed during the handshake'))),
    ]);
    this.#socket = secured;
    this.#attach(secured);
  }

  /** A data connection to the port of EPSV, connected. */
  async passive(): Promise<Socket> {
    const reply = await this.expect('EPSV', 229);
    const port = Number(/\(\|\|\|(\d+)\|\)/.exec(reply.text)![1]);
    const socket = connect({ port, host: this.#socket.remoteAddress!, noDelay: true });
    await once(socket, 'connect');
    return socket;
  }

  /** Everything that was not read as a reply, after the server closed. */
  async closed(): Promise<string> {
    while (!this.#ended) await this.#more();
    return this.#text;
  }

  /** What came and was not read. */
  get unread(): string {
    return this.#text;
  }

  close(): void {
    this.#socket.destroy();
  }

  #attach(socket: Socket): void {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#text += text;
      this.#wakeAll();
    });
    socket.on('error', () => {});
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#ended = true;
        this.#wakeAll();
      });
    }
  }

  #takeReply(): RawReply | null {
    const match = /^(\d{3})(?: [^\n]*\r\n|-[^\n]*\r\n(?:[^\n]*\r\n)*?\1 [^\n]*\r\n)/.exec(this.#text);
    if (match === null) return null;
    this.#text = this.#text.slice(match[0].length);
    return { code: Number(match[1]), lines: match[0].split('\r\n').slice(0, -1), text: match[0] };
  }

  async #more(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing came; unread: ${JSON.stringify(this.#text)}`)), DEADLINE_MS);
      this.#wake.push(resolve);
    });
    clearTimeout(timer);
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}
