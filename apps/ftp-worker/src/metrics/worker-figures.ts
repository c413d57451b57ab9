import type { Database } from '@quayside/database';
import type { FtpEngine, SessionFact, SessionFacts, TransferFacts } from '@quayside/ftp-engine';
import type { Metrics } from '@quayside/observability';
import type { PasswordHasher } from '@quayside/passwords';
import type { WorkerEvents } from '../events/worker-events.js';
import type { QuotaLeases } from '../quota/quota-leases.js';

export interface WorkerFiguresParts {
  readonly metrics: Metrics;
  readonly engine: () => Pick<FtpEngine, 'accepting' | 'counts' | 'replies' | 'sessions'>;
  readonly events: Pick<WorkerEvents, 'stats'>;
  readonly leases: Pick<QuotaLeases, 'stats'>;
  readonly passwords: Pick<PasswordHasher, 'load'>;
  readonly database: Pick<Database, 'pool' | 'rows'>;
}

const ALIVE = { name: 'worker_alive', text: 'SELECT 1' };
/** Whoever reads the metrics waits a few seconds for all processes. */
const DATABASE_DEADLINE_MS = 1_000;
const DIRECTIONS = ['upload', 'download'] as const;

type Direction = TransferFacts['direction'];
type LabelledCounter = ReturnType<Metrics['ftpTransfersTotal']['labels']>;

/** This worker's metrics: facts are counted as they pass, everything else is looked at when somebody reads. */
export class WorkerFigures {
  /** By direction, outcome and protocol: to find a counter by its labels costs as much as building an event. */
  private readonly transfers = new Map<string, LabelledCounter>();
  private readonly sessions: Record<SessionFacts['protocol'], LabelledCounter>;
  private readonly goodLogins: LabelledCounter;
  private readonly finishedBytes = { upload: 0, download: 0 };
  /** Counters must not go back where a transfer that runs is being counted as finished. */
  private readonly shownBytes = { upload: 0, download: 0 };

  constructor(private readonly parts: WorkerFiguresParts) {
    const { ftpSessionsTotal, ftpLoginsTotal } = parts.metrics;
    this.sessions = {
      ftp: ftpSessionsTotal.labels({ protocol: 'ftp' }),
      ftps: ftpSessionsTotal.labels({ protocol: 'ftps' }),
    };
    this.goodLogins = ftpLoginsTotal.labels({ result: 'ok' });
  }

  fact({ protocol }: Pick<SessionFacts, 'protocol'>, fact: SessionFact): void {
    if (fact.type === 'session.opened') this.sessions[protocol].inc();
    else if (fact.type === 'login.succeeded') this.goodLogins.inc();
    // The doctor's codes are a small fixed set.
    else if (fact.type === 'login.failed') {
      this.parts.metrics.ftpLoginsTotal.inc({ result: fact.doctor.code.toLowerCase() });
    }
  }

  transfer({ protocol }: Pick<SessionFacts, 'protocol'>, { direction, outcome, bytes }: TransferFacts): void {
    this.transfersOf(direction, outcome, protocol).inc();
    this.finishedBytes[direction] += bytes;
  }

  private transfersOf(direction: Direction, outcome: TransferFacts['outcome'], protocol: SessionFacts['protocol']) {
    const key = `${direction}/${outcome}/${protocol}`;
    let counted = this.transfers.get(key);
    if (counted === undefined) {
      counted = this.parts.metrics.ftpTransfersTotal.labels({ direction, outcome, protocol });
      this.transfers.set(key, counted);
    }
    return counted;
  }

  /** Prometheus text as things are now. */
  async text(): Promise<string> {
    this.lookAtEngine();
    this.lookAtBacklog();
    await this.lookAtDatabase();
    return this.parts.metrics.text();
  }

  private lookAtEngine(): void {
    const { metrics } = this.parts;
    const engine = this.parts.engine();
    const running = { upload: 0, download: 0 };
    const bytes = { ...this.finishedBytes };
    const sessions = engine.sessions();
    for (const { transfer } of sessions) {
      if (transfer === null) continue;
      const direction = transfer.verb === 'RETR' ? 'download' : 'upload';
      running[direction]++;
      bytes[direction] += transfer.bytes;
    }
    metrics.ftpAccepting.set(engine.accepting ? 1 : 0);
    metrics.ftpSessions.set(sessions.length);
    metrics.ftpTransferBytesTotal.reset();
    for (const direction of DIRECTIONS) {
      metrics.ftpTransfers.set({ direction }, running[direction]);
      this.shownBytes[direction] = Math.max(this.shownBytes[direction], bytes[direction]);
      metrics.ftpTransferBytesTotal.inc({ direction }, this.shownBytes[direction]);
    }
    metrics.ftpCommandsTotal.reset();
    for (const [digit, count] of engine.replies().entries()) {
      if (digit > 0) metrics.ftpCommandsTotal.inc({ reply: `${digit}xx` }, count);
    }
  }

  private lookAtBacklog(): void {
    const { metrics, events, leases, passwords } = this.parts;
    const spool = events.stats();
    metrics.spoolBytes.set(spool.bytes);
    metrics.spoolMaxBytes.set(spool.maxBytes);
    metrics.spoolRecords.set(spool.depth);
    metrics.spoolFull.set(spool.state === 'full' ? 1 : 0);
    metrics.spoolFailures.set(spool.failures);
    metrics.spoolDroppedFacts.set(spool.droppedFacts);
    metrics.spoolOldestSeconds.set(spool.oldestMs / 1000);
    const { waiting, refused } = leases.stats();
    metrics.quotaLeaseWaits.set(waiting);
    metrics.quotaLeaseRefusalsTotal.reset();
    metrics.quotaLeaseRefusalsTotal.inc(refused);
    metrics.passwordJobs.set({ state: 'running' }, passwords.load.running);
    metrics.passwordJobs.set({ state: 'waiting' }, passwords.load.waiting);
  }

  private async lookAtDatabase(): Promise<void> {
    const { metrics, database } = this.parts;
    const { totalCount, idleCount, waitingCount } = database.pool;
    metrics.databaseConnections.set({ state: 'busy' }, totalCount - idleCount);
    metrics.databaseConnections.set({ state: 'idle' }, idleCount);
    metrics.databaseConnections.set({ state: 'waiting' }, waitingCount);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, DATABASE_DEADLINE_MS, false);
    });
    const alive = database.rows(ALIVE).then(
      () => true,
      () => false,
    );
    metrics.databaseUp.set((await Promise.race([alive, late])) ? 1 : 0);
    clearTimeout(timer);
  }
}
