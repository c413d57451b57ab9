import type { ExpiredPartial, QuotaLedgerRepository } from '@quayside/database';
import { ROOT } from '@quayside/domain';
import type { Log } from '@quayside/ftp-engine';
import type { StorageBackend } from '@quayside/storage';

export interface PartialSweepParts {
  readonly ledger: Pick<QuotaLedgerRepository, 'expiredPartials' | 'release'>;
  readonly backendFor: (space: {
    readonly backend: { readonly kind: 'local'; readonly root: string };
    readonly subpath: typeof ROOT;
  }) => StorageBackend;
  readonly log: Log;
  readonly everyMs?: number;
}

const EVERY_MS = 5 * 60_000;
const BATCH = 100;

/** Drops incomplete uploads that nobody resumed within their time, and gives their reservation back. */
export class PartialSweep {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private stopping = false;

  constructor(private readonly parts: PartialSweepParts) {}

  start(): void {
    this.timer = setInterval(() => {
      this.running ??= this.run()
        .catch((error: unknown) => {
          this.parts.log.warn('expired partial uploads could not be removed', { error: String(error) });
        })
        .finally(() => (this.running = null));
    }, this.parts.everyMs ?? EVERY_MS);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    if (this.timer !== null) clearInterval(this.timer);
    await this.running;
  }

  /** All that are past their time now. */
  async run(): Promise<void> {
    for (;;) {
      const expired = await this.parts.ledger.expiredPartials(BATCH);
      let released = 0;
      for (const space of new Set(expired.map(({ spaceId }) => spaceId))) {
        released += await this.sweepSpace(expired.filter(({ spaceId }) => spaceId === space));
      }
      // A space that cannot be reached now stays for the next time.
      if (expired.length < BATCH || released === 0 || this.stopping) return;
    }
  }

  /** Resolves to how many reservations were given back. */
  private async sweepSpace(expired: readonly ExpiredPartial[]): Promise<number> {
    const { ledger, backendFor, log } = this.parts;
    const { spaceId, backend: kind, root } = expired[0]!;
    const ids = new Set(expired.map(({ id }) => id));
    try {
      const backend = backendFor({ backend: { kind, root }, subpath: ROOT });
      for await (const { path, accountId, transferId } of backend.partials()) {
        if (ids.has(transferId)) await backend.dropPartial(path, accountId);
      }
      for (const id of ids) await ledger.release(id);
    } catch (error) {
      log.warn('the expired partial uploads of a space could not be removed', { spaceId, error: String(error) });
      return 0;
    }
    return ids.size;
  }
}
