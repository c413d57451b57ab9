import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { once } from 'node:events';

const REPLY_DEADLINE_MS = 15_000;

/** Which server, and as which client; both are this machine without it. */
export interface Route {
  readonly host?: string;
  readonly localAddress?: string;
}

/** A control connection by hand, for what client programs hide. */
export class RawControl {
  private buffer = '';
  private readonly replies: string[] = [];
  private wake: (() => void) | undefined;
  closed = false;
  /** The server's first words: 220, or why it takes nobody. */
  greeting = '';

  private constructor(
    private readonly socket: Socket,
    private readonly route: Route,
  ) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.read(text));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.wake?.();
    });
  }

  static async open(port: number, route: Route = {}): Promise<RawControl> {
    const control = new RawControl(connect({ port, host: '127.0.0.1', ...route }), route);
    control.greeting = await control.reply();
    return control;
  }

  /** Implicit TLS, with a server name or without. */
  static async openTls(port: number, servername = '', route: Route = {}): Promise<RawControl> {
    const options = { port, host: '127.0.0.1', ...route, servername, rejectUnauthorized: false };
    const control = new RawControl(connectTls(options), route);
    await control.reply();
    return control;
  }

  async login(user: string, password: string): Promise<string> {
    await this.send(`USER ${user}`);
    return this.send(`PASS ${password}`);
  }

  async send(command: string): Promise<string> {
    this.socket.write(`${command}\r\n`);
    return this.reply();
  }

  /** The next complete reply; empty when the connection ends first. */
  async reply(): Promise<string> {
    const until = Date.now() + REPLY_DEADLINE_MS;
    while (this.replies.length === 0 && !this.closed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, until - Date.now()).unref();
      });
      if (Date.now() >= until) throw new Error('No reply');
    }
    return this.replies.shift() ?? '';
  }

  /** The peer of a passive data connection. */
  async passive(): Promise<Socket> {
    const answer = await this.send('EPSV');
    const port = Number(/\|\|\|(\d+)\|/.exec(answer)?.[1]);
    const data = connect({ port, host: '127.0.0.1', ...this.route });
    data.on('error', () => undefined);
    await once(data, 'connect');
    return data;
  }

  /** Resolves when the server has ended the connection. */
  async end(): Promise<void> {
    if (!this.closed) await once(this.socket, 'close');
  }

  /** As if the client had been killed. */
  destroy(): void {
    this.socket.destroy();
  }

  private read(text: string): void {
    this.buffer += text;
    const lines = this.buffer.split('\r\n');
    this.buffer = lines.pop() ?? '';
    for (const line of lines) {
      this.block.push(line);
      if (!/^\d{3} /.test(line)) continue;
      this.replies.push(this.block.splice(0).join('\n'));
      this.wake?.();
    }
  }

  private readonly block: string[] = [];
}
