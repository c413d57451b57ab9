import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { Client } from 'basic-ftp';
import { withinDeadline } from '../within-deadline.js';

export interface LoadOptions {
  readonly port: number;
  /** Clients take these in turn. */
  readonly logins: readonly { readonly user: string; readonly password: string; readonly tenant: string }[];
  readonly clients: number;
  /** Files of all clients together; without it they go on until `stop`. */
  readonly files?: number;
  readonly bytes?: { readonly min: number; readonly max: number };
}

/** What a client has been told about one name. */
export interface SentFile {
  readonly login: string;
  readonly tenant: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  attempts: number;
  answered: boolean;
}

const ANSWER_MS = 20_000;
const RETRY_MS = 150;

/** Clients that upload small files, each until it is answered 226, connecting again whenever the server is gone. */
export class UploadLoad {
  readonly files: SentFile[] = [];
  /** Tries that were not answered 226, by the reply's code; 0: the connection ended. */
  readonly failures = new Map<number, number>();
  private going = true;
  private allowed: number;
  private readonly waiting = new Set<() => void>();
  private readonly running: Promise<unknown>;
  private taken = 0;

  constructor(private readonly options: LoadOptions) {
    this.allowed = options.files ?? Infinity;
    this.running = Promise.all(Array.from({ length: options.clients }, (_, index) => this.run(index)));
  }

  get answered(): number {
    return this.files.reduce((sum, { answered }) => sum + (answered ? 1 : 0), 0);
  }

  /** No client begins more than so many files until it is told of a greater number. */
  allow(files: number): void {
    this.allowed = files;
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }

  /** Resolves when every file has been answered. */
  async finished(): Promise<void> {
    await this.running;
  }

  /** Each client ends with the file that it is at. */
  async stop(): Promise<void> {
    this.going = false;
    this.allow(0);
    await this.running;
  }

  private async run(index: number): Promise<void> {
    const { logins } = this.options;
    const login = logins[index % logins.length]!;
    let client: Client | null = null;
    for (let file = await this.next(index); file !== null; file = await this.next(index)) {
      const content = randomBytes(file.bytes);
      const sent = { ...file, login: login.user, tenant: login.tenant, sha256: sha256(content) };
      this.files.push(sent);
      while (!sent.answered && (this.going || sent.attempts === 0)) {
        try {
          client ??= await this.connect(login);
          sent.attempts += 1;
          await withinDeadline(client.uploadFrom(Readable.from(content), sent.path), ANSWER_MS);
          sent.answered = true;
        } catch (error) {
          const code = (error as { code?: unknown }).code;
          const key = typeof code === 'number' ? code : 0;
          this.failures.set(key, (this.failures.get(key) ?? 0) + 1);
          // A refused upload leaves the connection usable, but what is half done on it is hard to tell from outside.
          client?.close();
          client = null;
          if (!this.going) break;
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
    }
    client?.close();
  }

  private async next(index: number): Promise<Omit<SentFile, 'login' | 'tenant' | 'sha256'> | null> {
    const { files = Infinity, bytes = { min: 1_000, max: 20_000 } } = this.options;
    while (this.going && this.taken >= this.allowed && this.taken < files) {
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
    if (!this.going || this.taken >= files) return null;
    const number = this.taken++;
    const size = bytes.min + Math.floor(Math.random() * (bytes.max - bytes.min));
    return { path: `/c${index}-${number}.bin`, bytes: size, attempts: 0, answered: false };
  }

  private async connect(login: { readonly user: string; readonly password: string }): Promise<Client> {
    const client = new Client(ANSWER_MS);
    try {
      await client.access({ host: '127.0.0.1', port: this.options.port, ...login });
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
