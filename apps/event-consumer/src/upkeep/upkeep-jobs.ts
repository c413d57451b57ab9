import type {
  DeadEventRepository,
  EventLogWriter,
  FtpSessionsRepository,
  NodesRepository,
  QuotaLedgerRepository,
  UpkeepRepository,
  UsageClosingRepository,
  WebhookQueueRepository,
} from '@quayside/database';
import type { UpkeepJob } from './upkeep-scheduler.js';

export interface UpkeepRepositories {
  readonly eventLog: EventLogWriter;
  readonly quota: QuotaLedgerRepository;
  readonly nodes: NodesRepository;
  readonly sessions: FtpSessionsRepository;
  readonly upkeep: UpkeepRepository;
  readonly dead: Pick<DeadEventRepository, 'prune'>;
  readonly usage: UsageClosingRepository;
  readonly webhooks: WebhookQueueRepository;
  /** Days; 0 = for ever. */
  readonly retention: { readonly eventDays: number; readonly transferDays: number };
  /** Silence after which a worker is dead; its sessions go with it, and stray ones after twice that. */
  readonly deadAfterMs: number;
  /** False for a while after the database was away: the workers have not had the time to say that they live. */
  readonly settled: () => boolean;
}

const DAY_MS = 24 * 3_600_000;
const NODE_STALE_MS = DAY_MS;
const MONTHS_AHEAD = 3;
const LEDGER_ENTRY_DAYS = 90;
const DELIVERY_DAYS = 30;
const DEAD_EVENT_DAYS = 90;
const RECOUNT_DAYS = 30;
/** A month is closed this long after its end: what a machine that was away has still in its spool can come in time. */
const CLOSE_AFTER_MS = 3 * DAY_MS;
const PRUNE_ROWS = 5_000;
const SWEEP_LEASES = 500;

export function upkeepJobs(repositories: UpkeepRepositories): UpkeepJob[] {
  const { eventLog, quota, nodes, sessions, upkeep, dead, usage, webhooks, retention, deadAfterMs, settled } =
    repositories;
  return [
    {
      name: 'partitions',
      everyMs: DAY_MS / 4,
      atStart: true,
      run: () => eventLog.ensurePartitions(MONTHS_AHEAD),
    },
    {
      name: 'retention',
      everyMs: DAY_MS / 24,
      run: async () => {
        const { eventDays, transferDays } = retention;
        const events = eventDays === 0 ? 0 : await eventLog.dropPartitions('event', eventDays);
        return events + (transferDays === 0 ? 0 : await eventLog.dropPartitions('transfer_log', transferDays));
      },
    },
    {
      name: 'workers',
      everyMs: deadAfterMs / 2,
      run: async () => (settled() ? (await nodes.reapWorkers(deadAfterMs)).length : 0),
    },
    {
      name: 'nodes',
      everyMs: DAY_MS / 24,
      run: async () => (settled() ? (await nodes.reapNodes(NODE_STALE_MS)).length : 0),
    },
    {
      name: 'sessions',
      everyMs: deadAfterMs / 2,
      run: async () => (settled() ? (await sessions.reap(2 * deadAfterMs)).length : 0),
    },
    {
      name: 'leases',
      everyMs: deadAfterMs / 2,
      run: async (signal) =>
        settled() ? untilEmpty(signal, SWEEP_LEASES, async () => (await quota.sweep(SWEEP_LEASES)).length) : 0,
    },
    {
      name: 'ledger-entries',
      everyMs: DAY_MS / 24,
      run: (signal) => untilEmpty(signal, PRUNE_ROWS, () => upkeep.pruneLedgerEntries(LEDGER_ENTRY_DAYS, PRUNE_ROWS)),
    },
    {
      name: 'dead-events',
      everyMs: DAY_MS / 24,
      run: (signal) => untilEmpty(signal, PRUNE_ROWS, () => dead.prune(DEAD_EVENT_DAYS, PRUNE_ROWS)),
    },
    {
      name: 'recounts',
      everyMs: DAY_MS / 24,
      run: (signal) => untilEmpty(signal, PRUNE_ROWS, () => upkeep.pruneRecounts(RECOUNT_DAYS, PRUNE_ROWS)),
    },
    {
      name: 'usage-months',
      everyMs: DAY_MS / 24,
      run: async () => ((await usage.close(lastMonthEnd(Date.now() - CLOSE_AFTER_MS))) ? 1 : 0),
    },
    {
      name: 'webhook-deliveries',
      everyMs: DAY_MS / 24,
      run: (signal) => untilEmpty(signal, PRUNE_ROWS, () => webhooks.prune(DELIVERY_DAYS, PRUNE_ROWS)),
    },
  ];
}

/** The first instant of the month (UTC) that this moment is in. */
function lastMonthEnd(ms: number): Date {
  const date = new Date(ms);
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth()));
}

/** In steps, so that no statement holds many locks for long. */
async function untilEmpty(signal: AbortSignal, step: number, run: () => Promise<number>): Promise<number> {
  let total = 0;
  for (;;) {
    const count = await run();
    total += count;
    if (count < step || signal.aborted) return total;
  }
}
