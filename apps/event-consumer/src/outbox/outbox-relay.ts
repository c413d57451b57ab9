import { setTimeout as sleep } from 'node:timers/promises';
import type { AppLog } from '@quayside/observability';

/** The API's events, written in the transactions of their changes. */
export interface OutboxRows {
  /** The oldest rows. */
  oldest(limit: number): Promise<readonly { readonly id: string; readonly event: unknown }[]>;
  remove(ids: readonly string[]): Promise<void>;
}

export interface OutboxRelayOptions {
  readonly outbox: OutboxRows;
  /** Into the log, or set aside; rejects where neither is possible now. */
  readonly apply: (events: readonly unknown[]) => Promise<void>;
  readonly log: AppLog;
  /** Rows are looked for this often even where nobody said that there are some. */
  readonly pollMs?: number;
  /** Wait after a failure. */
  readonly retryMs?: number;
}

const BATCH_ROWS = 100;
const RETRY_MS = 2_000;

/**
 * Moves the outbox into the log. `wake` is called on NOTIFY; the slow poll covers a notification that was lost. Rows go
 * only after their events are applied, and applying is idempotent, so two relays at once do no harm.
 */
export class OutboxRelay {
  private readonly stopping = new AbortController();
  private running: Promise<void> | null = null;
  private due = true;
  private interrupt: (() => void) | null = null;

  constructor(private readonly options: OutboxRelayOptions) {}

  start(): void {
    this.running ??= this.run();
  }

  /** There may be new rows. */
  wake(): void {
    this.due = true;
    this.interrupt?.();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.interrupt?.();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      if (!this.due) await this.idle();
      this.due = false;
      try {
        while (!signal.aborted && (await this.relayBatch()));
      } catch (error) {
        if (signal.aborted) return;
        this.options.log.warn('the outbox could not be relayed; trying again', { error });
        this.due = true;
        await sleep(this.options.retryMs ?? RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Resolves to whether there may be more. */
  private async relayBatch(): Promise<boolean> {
    const { outbox, apply } = this.options;
    const rows = await outbox.oldest(BATCH_ROWS);
    if (rows.length === 0) return false;
    await apply(rows.map((row) => row.event));
    await outbox.remove(rows.map((row) => row.id));
    return rows.length === BATCH_ROWS;
  }

  private idle(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.interrupt = null;
        resolve();
      };
      const timer = setTimeout(done, this.options.pollMs ?? 15_000);
      this.interrupt = done;
    });
  }
}
