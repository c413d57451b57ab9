import { DomainError } from '@quayside/domain';

/** Attempts of one source that may wait for their turn; more are told to come back. */
const MAX_WAITING = 16;

interface Queue {
  length: number;
  last: Promise<void>;
}

/**
 * One password of a source is hashed at a time: whoever floods one address with wrong passwords waits behind himself and
 * leaves the other places of the hash queue to everybody else.
 */
export class SourceTurns {
  private readonly queues = new Map<string, Queue>();

  /** Throws `auth.busy` where too many of the source wait already. */
  async run<T>(source: string, work: () => Promise<T>): Promise<T> {
    const queue = this.queues.get(source) ?? { length: 0, last: Promise.resolve() };
    if (queue.length > MAX_WAITING) throw new DomainError('auth.busy');
    this.queues.set(source, queue);
    queue.length++;
    const before = queue.last;
    let done!: () => void;
    queue.last = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await before;
      return await work();
    } finally {
      done();
      if (--queue.length === 0) this.queues.delete(source);
    }
  }
}
