import { DomainError, MAX_PASSWORD_BYTES } from '@quayside/domain';
import { HashThreads } from './hash-threads.js';
import { bcryptCost } from './schemes/bcrypt-hash.js';
import { readStoredHash } from './schemes/stored-hash.js';
import { WorkQueue } from './work-queue.js';

export interface PasswordHasherOptions {
  /** bcrypt cost of new hashes. */
  readonly cost: number;
  /** Hashes computed at once, each on a thread. */
  readonly concurrency?: number;
  /** Attempts that may wait; more are refused with `auth.busy`. */
  readonly maxWaiting?: number;
  /** Longest wait for a turn, ms. */
  readonly waitMs?: number;
}

/**
 * Makes bcrypt hashes and verifies those and imported ones, behind one bounded queue: a login storm waits for its turn,
 * and bcrypt runs on threads that yield to transfers. Throws `auth.busy` when the queue is full or the wait too long.
 * One bcrypt hash takes 50 ms at cost 10 and 200 ms at cost 12, more where transfers use up the processor.
 */
export class PasswordHasher {
  readonly cost: number;
  private readonly queue: WorkQueue;
  private readonly threads = new HashThreads();
  private dummyHash: Promise<string> | null = null;

  constructor(options: PasswordHasherOptions) {
    this.cost = options.cost;
    this.queue = new WorkQueue({
      concurrency: options.concurrency ?? 2,
      maxWaiting: options.maxWaiting ?? 1000,
      waitMs: options.waitMs ?? 10_000,
      refusal: () => new DomainError('auth.busy'),
    });
  }

  /** Hashes that are computed now, and that wait for their turn. */
  get load(): { readonly running: number; readonly waiting: number } {
    return this.queue.load;
  }

  hash(password: string): Promise<string> {
    return this.queue.run(() => this.threads.hash(password, this.cost));
  }

  /** Whether the password belongs to the hash. An empty password, and a hash of an unknown form, never match. */
  async verify(password: string, hash: string, signal?: AbortSignal): Promise<boolean> {
    const stored = readStoredHash(hash);
    if (stored === null || stored.excess !== null || password === '') return this.verifyNothing(password, signal);
    const matches = await this.queue.run(() => stored.verify(password, this.threads), signal);
    // A refusal never takes less than bcrypt does, so that its time does not tell which accounts were imported.
    return matches || bcryptCost(hash) !== null ? matches : this.verifyNothing(password, signal);
  }

  /** Takes as long as a real verification and is always false: for accounts that do not exist (RFC 2577 §7). */
  async verifyNothing(password: string, signal?: AbortSignal): Promise<false> {
    this.dummyHash ??= this.threads.hash('nobody has this password', this.cost).catch((error: unknown) => {
      this.dummyHash = null;
      throw error;
    });
    const dummy = await this.dummyHash;
    await this.queue.run(() => this.threads.compare(password, dummy), signal);
    return false;
  }

  /**
   * Whether a hash is foreign or cheaper than new ones, so that it should be made again from the password that has just
   * been verified. Never for a password of which bcrypt would read only the start.
   */
  needsRehash(hash: string, password = ''): boolean {
    if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) return false;
    const cost = bcryptCost(hash);
    return cost === null || cost < this.cost;
  }
}
