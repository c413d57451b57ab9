import bcrypt from 'bcrypt';
import { DomainError } from '@quayside/domain';
import { WorkQueue } from './work-queue.js';

export interface PasswordHasherOptions {
  /** bcrypt cost of new hashes. */
  readonly cost: number;
  /** Hashes computed at once; each holds one of libuv's threads, which file I/O needs too. */
  readonly concurrency?: number;
  /** Attempts that may wait; more are refused with `auth.busy`. */
  readonly maxWaiting?: number;
  /** Longest wait for a turn, ms. */
  readonly waitMs?: number;
}

/**
 * bcrypt behind a bounded queue: a login storm waits for its turn, it does not starve transfers of threads. Throws
 * `auth.busy` when the queue is full or the wait too long. One hash takes 50 ms at cost 10 and 200 ms at cost 12.
 */
export class PasswordHasher {
  readonly cost: number;
  private readonly queue: WorkQueue;
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

  hash(password: string): Promise<string> {
    return this.queue.run(() => bcrypt.hash(password, this.cost));
  }

  /** Whether the password belongs to the hash. An empty or foreign hash never matches. */
  verify(password: string, hash: string, signal?: AbortSignal): Promise<boolean> {
    if (!isBcrypt(hash)) return this.verifyNothing(password, signal);
    return this.queue.run(() => bcrypt.compare(password, hash), signal);
  }

  /** Takes as long as a real verification and is always false: for accounts that do not exist (RFC 2577 §7). */
  async verifyNothing(password: string, signal?: AbortSignal): Promise<false> {
    this.dummyHash ??= bcrypt.hash('nobody has this password', this.cost);
    const dummy = await this.dummyHash;
    await this.queue.run(() => bcrypt.compare(password, dummy), signal);
    return false;
  }

  /** Whether a hash is cheaper than new ones and should be made again from the password that has just been verified. */
  needsRehash(hash: string): boolean {
    return !isBcrypt(hash) || bcrypt.getRounds(hash) < this.cost;
  }
}

function isBcrypt(hash: string): boolean {
  return /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(hash);
}
