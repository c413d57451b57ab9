import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * THE names of all metrics. Labels have a handful of values each and never hold a name, an address or a path: a
 * label with customers' data makes the number of series grow without bound.
 */
const FAMILIES = {
  ftpSessions: gauge('quayside_ftp_sessions', 'Open control connections', []),
  ftpSessionsTotal: counter('quayside_ftp_sessions_total', 'Control connections accepted', ['protocol']),
  ftpLoginsTotal: counter('quayside_ftp_logins_total', 'Login attempts by result', ['result']),
  ftpCommandsTotal: counter('quayside_ftp_commands_total', 'Commands by reply class (2xx, 4xx, 5xx)', ['reply']),
  ftpTransfers: gauge('quayside_ftp_transfers', 'Running transfers', ['direction']),
  ftpTransfersTotal: counter('quayside_ftp_transfers_total', 'Finished transfers', [
    'direction',
    'outcome',
    'protocol',
  ]),
  ftpTransferBytesTotal: counter('quayside_ftp_transfer_bytes_total', 'Bytes of files that were moved', ['direction']),
  ftpAccepting: gauge('quayside_ftp_accepting', 'Whether new sessions are taken; 0 while the node drains', []),
  passwordJobs: gauge('quayside_password_jobs', 'Password hashes that are computed or wait for their turn', ['state']),
  quotaLeaseRefusalsTotal: counter('quayside_quota_lease_refusals_total', 'Leases refused for want of space', []),
  quotaLeaseWaits: gauge('quayside_quota_lease_waits', 'Uploads that wait for room or for the database', []),
  spoolBytes: gauge(
    'quayside_spool_bytes',
    'Bytes of the spool; its records stay until they are in ledger and log',
    [],
  ),
  spoolMaxBytes: gauge('quayside_spool_max_bytes', 'Size at which the spool is full; uploads are refused before', []),
  spoolRecords: gauge('quayside_spool_records', 'Records in the spool that wait', []),
  spoolFull: gauge('quayside_spool_full', 'Whether uploads are refused because of the spool', []),
  spoolFailures: gauge('quayside_spool_failures', 'Times in a row that database or queue took no records', []),
  spoolDroppedFacts: gauge('quayside_spool_dropped_facts', 'Facts that found the spool full since the start', []),
  spoolOldestSeconds: gauge('quayside_spool_oldest_seconds', 'Age of the oldest record in the spool', []),
  eventsAppliedTotal: counter('quayside_events_applied_total', 'Events applied by the consumer', ['type']),
  eventsParkedTotal: counter('quayside_events_parked_total', 'Events that no projection understood', []),
  eventLagSeconds: histogram(
    'quayside_event_lag_seconds',
    'Time from an event to its place in the log',
    [],
    [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60],
  ),
  webhookRequestsTotal: counter('quayside_webhook_requests_total', 'Webhook requests by outcome', ['outcome']),
  webhookRequestSeconds: histogram(
    'quayside_webhook_request_seconds',
    'Duration of webhook requests',
    [],
    [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ),
  databaseConnections: gauge('quayside_database_connections', 'Connections of the pool, and callers that wait', [
    'state',
  ]),
  databaseUp: gauge('quayside_database_up', 'Whether the database answered when this was read', []),
  nodes: gauge('quayside_nodes', 'Machines that run workers', ['state']),
  liveSessions: gauge('quayside_live_sessions', 'Sessions that are logged in, over all nodes', []),
  outboxRows: gauge('quayside_outbox_rows', 'Events of the API that are not yet in the log', []),
  deadEvents: gauge('quayside_dead_events', 'Events set aside because they can never be applied as they are', []),
  streamClients: gauge('quayside_stream_clients', 'Open live streams of this process', []),
  queueJobs: gauge('quayside_queue_jobs', 'Jobs of the event queue by state; failed ones are published again', [
    'state',
  ]),
  webhooksPending: gauge('quayside_webhooks_pending', 'Webhook deliveries that wait to be sent', []),
  httpRequestSeconds: histogram(
    'quayside_http_request_seconds',
    'Duration of REST requests by method and status class',
    ['method', 'status'],
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  ),
} as const;

type Families = { readonly [K in keyof typeof FAMILIES]: ReturnType<(typeof FAMILIES)[K]['make']> };

/** The metrics of one process and the registry that prints them. */
export type Metrics = Families & {
  readonly registry: Registry;
  /** Prometheus text. */
  text(): Promise<string>;
  readonly contentType: string;
};

/** Which families a process prints: what it never counts would stand there as a zero that means nothing. */
const PRINTED: Readonly<Record<string, RegExp>> = {
  'ftp-worker': /^quayside_(?:ftp|spool|quota|password|database)_/,
  'event-consumer': /^quayside_(?:events?|webhooks?|queue|outbox|dead|database_up)/,
  api: /^quayside_(?:nodes|live|stream|http|outbox|database_up)/,
};

/** Makes every family of the table in a registry of its own, with Node's own figures unless `node` is false. */
export function createMetrics(
  labels: { readonly app: string; readonly worker?: string },
  { node = true }: { readonly node?: boolean } = {},
): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels(
    labels.worker === undefined ? { app: labels.app } : { app: labels.app, worker: labels.worker },
  );
  // Its default of 10 ms wakes an idle process a hundred times a second. The figures contain this second.
  if (node) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1000 });
  const families = Object.fromEntries(
    Object.entries(FAMILIES).map(([key, { name, make }]) => {
      const isPrinted = PRINTED[labels.app]?.test(name) ?? true;
      return [key, make(isPrinted ? [registry] : [])];
    }),
  ) as unknown as Families;
  return { ...families, registry, text: () => registry.metrics(), contentType: registry.contentType };
}

type Registers = Registry[];

function counter<L extends string>(name: string, help: string, labelNames: readonly L[]) {
  const make = (registers: Registers): Counter<L> =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  return { name, make };
}

function gauge<L extends string>(name: string, help: string, labelNames: readonly L[]) {
  const make = (registers: Registers): Gauge<L> => new Gauge({ name, help, labelNames: [...labelNames], registers });
  return { name, make };
}

function histogram<L extends string>(name: string, help: string, labelNames: readonly L[], buckets: readonly number[]) {
  const make = (registers: Registers): Histogram<L> =>
    new Histogram({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers });
  return { name, make };
}
