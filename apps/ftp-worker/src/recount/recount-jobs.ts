import type { RecountOutcome, RecountRepository } from '@quayside/database';
import type { Log } from '@quayside/ftp-engine';
import { recount, type RecountOptions, type RecountParts } from './recount.js';

export interface RecountJobsParts extends RecountParts {
  readonly recounts: Pick<RecountRepository, 'claim' | 'settle' | 'finish' | 'giveBack'>;
  readonly workerId: string;
  readonly log: Log;
  readonly options?: Omit<RecountOptions, 'signal'>;
}

/** Counts the spaces that the API has asked for, one after the other; the other nodes take theirs from the same list. */
export class RecountJobs {
  private readonly stopping = new AbortController();
  private running: Promise<void> | null = null;
  private again = false;

  constructor(private readonly parts: RecountJobsParts) {}

  /** Counts what waits now; a call while it does makes it look once more. */
  run(): Promise<void> {
    if (this.running !== null) this.again = true;
    else this.running = this.countAll().finally(() => (this.running = null));
    return this.running;
  }

  /** What is under way goes back to the list. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async countAll(): Promise<void> {
    const { recounts, workerId, log } = this.parts;
    const { signal } = this.stopping;
    try {
      do {
        this.again = false;
        for (let claimed; !signal.aborted && (claimed = await recounts.claim(workerId)) !== null;) {
          const outcome = await this.count(claimed);
          if (outcome === null) await recounts.giveBack(workerId);
          else {
            await recounts.settle(workerId, claimed, outcome);
            await recounts.finish();
          }
        }
        await recounts.finish();
      } while (this.again && !signal.aborted);
    } catch (error) {
      log.warn('a recount could not go on; it is tried again', { error: String(error) });
    }
  }

  /** Null where the worker ends. */
  private async count(space: { id: string; backend: 'local'; root: string }): Promise<RecountOutcome | null> {
    const { signal } = this.stopping;
    try {
      return await recount(this.parts, space, { ...this.parts.options, signal });
    } catch (error) {
      if (signal.aborted) return null;
      this.parts.log.warn('a space could not be counted', { spaceId: space.id, error: String(error) });
      return { verdict: 'failed', ledger: null, stored: null };
    }
  }
}
