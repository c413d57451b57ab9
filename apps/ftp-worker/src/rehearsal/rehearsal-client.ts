import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

const REPLY_DEADLINE_MS = 5_000;
const PASSIVE_PORT = /\|\|\|(\d+)\||,(\d+),(\d+)\)/;

const CONTENT = Buffer.alloc(4096, 'rehearsal ');

/** What else clients do, some of it in every session. */
const FOLDER = [
  'SYST',
  'FEAT',
  'OPTS UTF8 ON',
  'PWD',
  'MKD *d',
  'CWD *d',
  'CDUP',
  'RNFR *d',
  'RNTO *e',
  'RMD *e',
  'MDTM *0',
  'DELE *0',
  'NOOP',
];
const REFUSED = ['CWD missing', 'SIZE missing', 'XYZZY'];

/** What a session of the rehearsal does. */
export interface Visit {
  /** Of the loopback interface. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly tls: boolean;
  /** Of its files. */
  readonly name: string;
  readonly transfers: number;
}

/** One customer's visit; rejects at the first refusal and when the server goes away. */
export async function play(visit: Visit, onTransfer: () => void): Promise<void> {
  const { port, user, password, tls, name, transfers } = visit;
  const client = await RehearsalClient.open(port);
  try {
    if (tls) await client.secure();
    await client.login(user, password);
    for (let transfer = 0; transfer < transfers; transfer++) {
      // Clients know one or the other.
      client.passive = transfer % 2 === 0 ? 'EPSV' : 'PASV';
      await client.upload(`STOR ${name}${transfer}`, CONTENT);
      await client.say(`SIZE ${name}${transfer}`);
      await client.download(`RETR ${name}${transfer}`);
      onTransfer();
    }
    if (transfers > 0) {
      for (const command of FOLDER) await client.say(command.replace('*', `/${name}`));
      for (const command of REFUSED) await client.tell(command);
      await client.download('LIST');
      await client.download('MLSD');
    }
    await client.say('QUIT');
  } finally {
    client.close();
  }
}

/**
 * As much of an FTP client as the rehearsal needs. Everything throws at the first refusal, at a reply that takes too
 * long, and after `close`.
 */
class RehearsalClient {
  passive: 'EPSV' | 'PASV' = 'EPSV';
  private control: Socket;
  private buffered = '';
  private waiting: { resolve: (reply: string) => void; reject: (error: Error) => void } | null = null;
  private ended: Error | null = null;
  private secured: { ticket: Buffer | undefined } | null = null;
  private fail!: (error: Error) => void;
  /** Rejects when the connection ends. */
  private readonly over = new Promise<never>((_resolve, reject) => (this.fail = reject));

  private constructor(port: number) {
    this.over.catch(() => undefined);
    this.control = connect({ port, host: '127.0.0.1', noDelay: true });
    this.listen(this.control);
  }

  static async open(port: number): Promise<RehearsalClient> {
    const client = new RehearsalClient(port);
    await client.reply();
    return client;
  }

  /** AUTH TLS, and protected data connections that resume its session. */
  async secure(): Promise<void> {
    await this.say('AUTH TLS');
    this.control.removeAllListeners('data');
    const secured: { ticket: Buffer | undefined } = (this.secured = { ticket: undefined });
    // To itself: what the certificate says is of no interest.
    const tls = connectTls({ socket: this.control, rejectUnauthorized: false });
    tls.on('session', (ticket: Buffer) => (secured.ticket = ticket));
    this.control = tls;
    this.listen(tls);
    await Promise.race([once(tls, 'secureConnect'), this.over]);
    await this.say('PBSZ 0');
    await this.say('PROT P');
  }

  async login(user: string, password: string): Promise<void> {
    await this.say(`USER ${user}`);
    await this.say(`PASS ${password}`);
    await this.say('TYPE I');
  }

  /** A command with data that comes. */
  async download(command: string): Promise<void> {
    const data = await this.connectFor(command);
    data.resume();
    await this.reply();
    data.destroy();
  }

  async upload(command: string, content: Buffer): Promise<void> {
    const data = await this.connectFor(command);
    data.end(content);
    await this.reply();
    data.destroy();
  }

  async say(command: string): Promise<string> {
    const reply = this.reply();
    this.control.write(`${command}\r\n`);
    return reply;
  }

  /** For commands that are refused. */
  async tell(command: string): Promise<void> {
    const reply = this.next();
    this.control.write(`${command}\r\n`);
    await reply;
  }

  close(): void {
    this.control.destroy();
  }

  private async connectFor(command: string): Promise<Socket> {
    const [, port, high, low] = PASSIVE_PORT.exec(await this.say(this.passive)) ?? [];
    const raw = connect({
      port: port === undefined ? Number(high) * 256 + Number(low) : Number(port),
      host: '127.0.0.1',
      noDelay: true,
    });
    raw.on('error', () => undefined);
    const opened = this.say(command);
    opened.catch(() => undefined);
    await Promise.race([once(raw, 'connect'), this.over]);
    const data = this.secured === null ? raw : this.protect(raw, this.secured.ticket);
    await opened;
    return data;
  }

  private protect(raw: Socket, ticket: Buffer | undefined): TLSSocket {
    const data = connectTls({ socket: raw, rejectUnauthorized: false, ...(ticket && { session: ticket }) });
    data.on('error', () => undefined);
    return data;
  }

  /** The next final or preliminary reply, all of its lines; throws for one that refuses. */
  private async reply(): Promise<string> {
    const reply = this.take() ?? (await this.next());
    if (reply[0]! >= '4') throw new Error(`refused: ${reply}`);
    return reply;
  }

  private next(): Promise<string> {
    if (this.ended !== null) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.end(new Error('no reply')), REPLY_DEADLINE_MS);
      const done = (): void => {
        clearTimeout(late);
        this.waiting = null;
      };
      this.waiting = {
        resolve: (reply) => (done(), resolve(reply)),
        reject: (error) => (done(), reject(error)),
      };
    });
  }

  private take(): string | null {
    const match = /^(?:\d{3}-[^]*?\r\n)?\d{3} [^\r\n]*\r\n/.exec(this.buffered);
    if (match === null) return null;
    this.buffered = this.buffered.slice(match[0].length);
    return match[0];
  }

  private listen(socket: Socket): void {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.buffered += text;
      if (this.waiting === null) return;
      const reply = this.take();
      if (reply !== null) this.waiting.resolve(reply);
    });
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('the connection ended')));
  }

  private end(error: Error): void {
    this.ended ??= error;
    this.fail(this.ended);
    this.waiting?.reject(this.ended);
    this.control.destroy();
  }
}
