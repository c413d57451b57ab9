import { Client, Pool, type PoolClient, type PoolConfig } from 'pg';

export interface PulseOptions {
  /** How long a caller may wait before somebody looks whether the server lives, ms. */
  readonly patienceMs?: number;
  /** The same once the server has shown that it lives and takes its time. */
  readonly againMs?: number;
  /** How long the look may take. */
  readonly probeMs?: number;
  /** Pause between looks while the server is silent. */
  readonly retryMs?: number;
  readonly onSilent?: () => void;
  readonly onBack?: () => void;
}

type Callback = (error: Error | undefined, client: PoolClient | undefined, done: (release?: unknown) => void) => void;

/** A timer that fires this late says more about this process than about the server. */
const LATE_MS = 500;

/**
 * A pool that notices a server that is silent: frozen, or gone with its machine, so that nothing is refused and nothing
 * is answered. Without it, each statement would wait for its own timeout. Where somebody waits for long, the server is
 * asked on a fresh connection; where that is not answered, everything under way fails now and everything new at once,
 * until a later question is answered. A server that is merely slow answers, and is waited for.
 */
export class PulsePool extends Pool {
  /** Since when each connection is out, and each caller waits for one; oldest first. */
  readonly #waiting = new Map<object, number>();
  readonly #connection: PoolConfig;
  readonly #pulse: PulseOptions;
  #timer: NodeJS.Timeout | null = null;
  #probing = false;
  #silent = false;
  #ended = false;

  constructor(config: PoolConfig, pulse: PulseOptions = {}) {
    super(config);
    this.#connection = config;
    this.#pulse = pulse;
    this.on('acquire', (client) => this.#begins(client));
    this.on('release', (_error, client) => this.#waiting.delete(client));
    this.on('remove', (client) => this.#waiting.delete(client));
  }

  /** Whether the server was found silent and has not answered since. */
  get silent(): boolean {
    return this.#silent;
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: Callback): void;
  override connect(callback?: Callback): Promise<PoolClient> | void {
    if (callback === undefined) {
      return new Promise((resolve, reject) => {
        this.connect((error, client) => {
          if (client === undefined) reject(error!);
          else resolve(client);
        });
      });
    }
    if (this.#silent) {
      const error = new Error('Connection terminated: the database server does not answer');
      process.nextTick(callback, error, undefined, () => undefined);
      return;
    }
    const caller = {};
    this.#begins(caller);
    super.connect((error, client, done) => {
      this.#waiting.delete(caller);
      callback(error, client, done);
    });
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    return callback === undefined ? super.end() : super.end(callback);
  }

  #begins(who: object): void {
    this.#waiting.set(who, performance.now());
    this.#lookIn(this.#pulse.patienceMs ?? 1_500);
  }

  #lookIn(ms: number): void {
    if (this.#timer !== null || this.#probing || this.#ended) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#look();
    }, ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { patienceMs = 1_500, againMs = 5_000, retryMs = 1_000 } = this.#pulse;
    if (!this.#silent) {
      const [oldest] = this.#waiting.values();
      if (oldest === undefined) return;
      const patienceLeft = patienceMs - (performance.now() - oldest);
      if (patienceLeft > 0) {
        this.#lookIn(patienceLeft);
        return;
      }
    }
    this.#probing = true;
    const answered = await this.#answers();
    this.#probing = false;
    if (answered && this.#silent) {
      this.#silent = false;
      this.#pulse.onBack?.();
    } else if (!answered && !this.#silent) {
      this.#silent = true;
      this.#pulse.onSilent?.();
      this.#breakAll();
    }
    if (this.#silent) this.#lookIn(retryMs);
    else if (this.#waiting.size > 0) this.#lookIn(againMs);
  }

  /** Ending a client in the middle of a statement breaks its connection, which is what its user then hears. */
  #breakAll(): void {
    for (const client of this.#waiting.keys()) if (client instanceof Client) void client.end().catch(() => undefined);
  }

  /** Any answer is a sign of life, also a refusal; only silence is none. */
  async #answers(): Promise<boolean> {
    const probeMs = this.#pulse.probeMs ?? 2_000;
    const { connectionString, application_name: name = 'quayside' } = this.#connection;
    const probe = new Client({ connectionString, application_name: name, connectionTimeoutMillis: probeMs });
    probe.on('error', () => undefined);
    const startedAt = performance.now();
    try {
      await probe.connect();
      void probe.end().catch(() => undefined);
      return true;
    } catch {
      const tookMs = performance.now() - startedAt;
      return tookMs < probeMs || tookMs > probeMs + LATE_MS;
    }
  }
}
