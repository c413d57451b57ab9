import { DomainError } from '@quayside/domain';

/** Attempts of one source that may wait for their turn; more are told to come back. */
const MAX_WAITING = 16;

/** Rest of a source after a turn, in lengths of the turn. */
const REST = 2;

interface Queue {
  length: number;
  last: Promise<void>;
}

/**
 * One password of a source is hashed at a time: whoever floods one address with wrong passwords waits behind himself and
 * leaves the other places of the hash queue to everybody else. A source that has failed lately also rests after each
 * turn, twice as long as the turn took: it gets a third of one processor at most.
 */
export class SourceTurns {
  private readonly queues = new Map<string, Queue>();

  /** Throws `auth.busy` where too many of the source wait already. */
  async run<T>(source: string, rests: () => boolean, work: () => Promise<T>): Promise<T> {
    const queue = this.queues.get(source) ?? { length: 0, last: Promise.resolve() };
    if (queue.length > MAX_WAITING) throw new DomainError('auth.busy');
    this.queues.set(source, queue);
    queue.length++;
    const before = queue.last;
    let done!: () => void;
    queue.last = new Promise((resolve) => {
      done = resolve;
    });
    const leave = (): void => {
      done();
      if (--queue.length === 0) this.queues.delete(source);
    };
    await before;
    const startedMs = performance.now();
    try {
      return await work();
    } finally {
      if (rests()) setTimeout(leave, REST * (performance.now() - startedMs)).unref();
      else leave();
    }
  }
}
