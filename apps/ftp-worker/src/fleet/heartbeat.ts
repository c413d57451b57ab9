import type { NodesRepository, QuotaLedgerRepository, WorkerLoad } from '@quayside/database';
import type { Log, SessionEnd, SessionView } from '@quayside/ftp-engine';
import type { HeldLeases } from '../quota/held-leases.js';
import type { SessionDirectory } from '../sessions/session-directory.js';

/** So many signs of life until a silent worker is dead: a database that stalls for some of them costs nobody a session. */
const BEATS = 6;
/** How often running transfers are shown, ms. */
const SHOW_MS = 1_000;

/** Leases outlive the worker's rows, so that a database that is away for a minute costs no upload its place. */
export function leaseTtlMs(deadAfterMs: number): number {
  return deadAfterMs * 2;
}

export interface HeartbeatParts {
  readonly workerId: string;
  /** After this long without a beat the consumer takes the worker for dead. */
  readonly deadAfterMs: number;
  readonly nodes: Pick<NodesRepository, 'beat'>;
  readonly ledger: Pick<QuotaLedgerRepository, 'renew'>;
  readonly leases: Pick<HeldLeases, 'ids'>;
  readonly directory: SessionDirectory;
  readonly sessions: { sessions(): SessionView[]; endSession(id: string, end: SessionEnd): Promise<boolean> };
  readonly load: () => WorkerLoad;
  /** What the database says with each beat. */
  readonly onDraining: (draining: boolean) => void;
  /** The worker was taken for dead and its rows are gone. */
  readonly registerAgain: () => Promise<void>;
  readonly log: Log;
}

/** Says for the worker that it, its sessions and its leases are alive, and shows what the sessions do. */
export class Heartbeat {
  private timer: NodeJS.Timeout | null = null;
  private beating: Promise<void> | null = null;
  private lastFullMs = -Infinity;
  /** What whoever drains the node waits for is shown at once. */
  private shownRest = '';

  constructor(private readonly parts: HeartbeatParts) {}

  start(): void {
    this.timer = setInterval(() => {
      this.beating ??= this.beat().finally(() => (this.beating = null));
    }, SHOW_MS);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.beating;
  }

  private async beat(): Promise<void> {
    const { workerId, deadAfterMs, nodes, ledger, leases, directory, sessions, registerAgain, log } = this.parts;
    const load = this.parts.load();
    const rest = `${load.accepting}/${load.sessions === 0}`;
    const full =
      performance.now() - this.lastFullMs >= deadAfterMs / BEATS || (!load.accepting && rest !== this.shownRest);
    try {
      if (full) {
        const known = await nodes.beat(workerId, load);
        this.shownRest = rest;
        if (known !== null) this.parts.onDraining(known.draining);
        else {
          log.warn('this worker was taken for dead and registers again', { workerId });
          await registerAgain();
          directory.writeAllAgain();
        }
        await ledger.renew(workerId, leases.ids(), leaseTtlMs(deadAfterMs));
        this.lastFullMs = performance.now();
      }
      for (const { id, reason } of await directory.beat(sessions.sessions(), full)) {
        void sessions.endSession(id, { text: 'The session was ended by the administrator.', reason });
      }
    } catch (error) {
      if (full) log.warn('the heartbeat did not reach the database', { error: String(error) });
    }
  }
}
