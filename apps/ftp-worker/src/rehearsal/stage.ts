import { join } from 'node:path';
import { type Config, passiveShare, type WorkerPlace } from '@quayside/config';
import type { LoginRecord, QuotaLedgerRepository, QuotaState } from '@quayside/database';
import { newId, PERMISSIONS } from '@quayside/domain';
import type { CertificatePair, FtpEngine, Log } from '@quayside/ftp-engine';
import { createMetrics } from '@quayside/observability';
import { PasswordHasher, VerifiedPasswords } from '@quayside/passwords';
import { packBatch } from '@quayside/queue';
import { AccountDirectory } from '../auth/account-directory.js';
import { CredentialUpkeep } from '../auth/credential-upkeep.js';
import { LoginThrottle } from '../auth/login-throttle.js';
import { WorkerEvents } from '../events/worker-events.js';
import { listenerOf } from '../listeners/listener-sockets.js';
import { TenantHosts } from '../listeners/tenant-hosts.js';
import { WorkerFigures } from '../metrics/worker-figures.js';
import { HeldLeases } from '../quota/held-leases.js';
import { type LeaseLedger, QuotaLeases } from '../quota/quota-leases.js';
import { LiveGrants } from '../sessions/live-grants.js';
import { SessionDirectory } from '../sessions/session-directory.js';
import { SpaceBackends } from '../storage/storage-resolver.js';
import { Metering } from '../traffic/metering.js';
import { MonthlyTraffic } from '../traffic/monthly-traffic.js';
import { SharedRates } from '../traffic/shared-rates.js';
import { workerEngine } from '../worker-engine.js';

/** Of two accounts: without a policy, and with one. */
export const LOGINS = ['rehearsal@rehearsal', 'ruled@rehearsal'] as const;
export const PASSWORD = 'rehearsal';

/** The cheapest that bcrypt has: one hash is made, and the password is remembered from then on. */
const BCRYPT_COST = 4;
/** So small that there are several, as in the spool of a worker that has served for a while. */
const SEGMENT_BYTES = 64 * 1024;
/** For as many transfers at once. */
const STAGE_PORTS = 16;

export interface StageOptions {
  readonly config: Config;
  readonly place: WorkerPlace;
  readonly certificate: CertificatePair | null;
  readonly log: Log;
  /** An empty folder, for files and spool. */
  readonly folder: string;
}

export interface Stage {
  /** Of the loopback interface. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * A second worker within this one: the same engine and the same adapters, on a port of the loopback interface that
 * nobody knows, with one account whose files and spool are in a folder that goes. Only what leaves the machine's disk
 * is a stand-in: the database and the queue.
 */
export async function openStage({ config, place, certificate, log, folder }: StageOptions): Promise<Stage> {
  const hasher = new PasswordHasher({ cost: BCRYPT_COST });
  const records = recordsOf(await hasher.hash(PASSWORD));
  const workerId = newId();
  const backends = new SpaceBackends(join(folder, 'storage'));
  const ledger = ledgerWithRoom();
  const events = new WorkerEvents({
    config: { ...config, spool: { ...config.spool, dir: join(folder, 'spool') } },
    place: { ...place, slot: 1, count: 2 },
    source: { node: config.nodeName, worker: workerId },
    ledger,
    onSettled: () => undefined,
    applied: { unapplied: async () => [] },
    dead: { add: async () => undefined },
    publisher: {
      publish: async (published) => {
        packBatch(published);
        return [{ jobId: newId(), eventIds: published.map(({ id }) => id) }];
      },
      queued: async () => new Set(),
    },
    backends,
    segmentBytes: SEGMENT_BYTES,
    log,
  });
  const throttle = new LoginThrottle({
    shared: {
      change: async () => [],
      knownGood: async () => new Map(),
      succeeded: async () => undefined,
      bans: async () => [],
    },
    log,
    allow: config.ftp.loginAllow,
  });
  const directory = new SessionDirectory({
    store: {
      open: async () => null,
      openMany: async () => undefined,
      takeLogin: async () => true,
      close: async () => undefined,
      beat: async () => [],
    },
    workerId,
    deadAfterMs: config.deadAfterMs,
    log,
  });
  const grants = new LiveGrants({ reload: async () => [...records.values()] }, () => engine, log);
  const verified = new VerifiedPasswords();
  const credentials = new CredentialUpkeep({
    store: { replaceHash: async () => true, touch: async () => undefined, expose: async () => undefined },
    hasher,
    verified,
    log,
  });
  const leases = new QuotaLeases({ ledger, workerId, log, held: new HeldLeases(), settle: async () => undefined });
  const metering = new Metering({
    rates: new SharedRates({ sessions: { runningTransfers: async () => [] }, workerId, workers: 1 }),
    traffic: new MonthlyTraffic({ traffic: { used: async () => NO_TRAFFIC }, workerId }),
    log,
  });
  const figures = new WorkerFigures({
    metrics: createMetrics({ app: 'ftp-worker' }, { node: false }),
    engine: () => engine,
    events,
    leases,
    passwords: hasher,
    // Only asked when somebody reads the figures.
    database: undefined as never,
  });
  const hosts = new TenantHosts({ findHost: async () => null, haveCertificates: async () => false });
  hosts.forget({ domains: true });
  const engine: FtpEngine = workerEngine({
    config: stagedConfig(config),
    listeners: [
      listenerOf({ name: 'ftp', host: '127.0.0.1', port: 0, tls: certificate === null ? 'off' : 'explicit' }, null),
    ],
    passivePorts: passivePortsOf(config, place),
    certificate,
    clientAuthorities: null,
    accounts: new AccountDirectory({
      records: { findForLogin: async (username) => records.get(username) ?? null },
    }),
    hosts,
    hasher,
    verified,
    throttle,
    directory,
    grants,
    credentials,
    backends,
    leases,
    metering,
    events,
    figures,
    traces: null,
    log,
  });
  await events.start();
  await engine.start();
  return {
    port: engine.addresses()[0]!.port,
    close: async () => {
      await engine.stop();
      leases.stop();
      grants.stop();
      await throttle.stop();
      await credentials.stop();
      await directory.stop();
      await events.stop();
      backends.close();
    },
  };
}

/** Its customers come as they are, also where those of the machine come through a proxy; its files need no disk. */
function stagedConfig(config: Config): Config {
  const proxyTrusted = config.ftp.proxyTrusted.length === 0 ? config.ftp.proxyTrusted : [];
  return { ...config, ftp: { ...config.ftp, proxyTrusted }, storage: { ...config.storage, fsync: false } };
}

/**
 * Ports such as customers get, the last ones of the worker's share, on the loopback interface. Where few are open, none
 * of them: then the system gives some.
 */
function passivePortsOf(config: Config, place: WorkerPlace): { readonly min: number; readonly max: number } {
  const { first, last } = passiveShare(config.ftp.passivePorts, place);
  return last - first < 4 * STAGE_PORTS ? { min: 0, max: 0 } : { min: last - STAGE_PORTS + 1, max: last };
}

const WITHOUT_LIMIT: QuotaState = {
  bytesLimit: null,
  filesLimit: null,
  bytesUsed: 0,
  filesUsed: 0,
  bytesReserved: 0,
  filesReserved: 0,
};

const NO_TRAFFIC = { monthEnds: new Date(0), uploadedBytes: 0, downloadedBytes: 0, missing: [] };

/** A ledger that limits nothing, like that of most accounts. */
function ledgerWithRoom(): LeaseLedger & Pick<QuotaLedgerRepository, 'apply'> {
  return {
    apply: async () => 0,
    reserve: async (_tenantId, _spaceId, { wantBytes, files }) => ({ verdict: 'granted', bytes: wantBytes, files }),
    reserveMove: async () => 'granted',
    release: async () => 0,
    state: async () => ({ space: WITHOUT_LIMIT, tenant: WITHOUT_LIMIT }),
    remaining: async () => ({
      bytes: null,
      files: null,
      limitBytes: null,
      limitFiles: null,
      usedBytes: 0,
      usedFiles: 0,
    }),
  };
}

/** By user name: one account of each kind. */
function recordsOf(hash: string): Map<string, LoginRecord> {
  const records = LOGINS.map((login) => recordOf(login, hash));
  return new Map(records.map((record) => [record.account.username, record]));
}

function recordOf(login: string, hash: string): LoginRecord {
  const [username, slug] = login.split('@') as [string, string];
  const active = { status: 'active', statusText: null, version: 1 } as const;
  return asFromDatabase({
    tenant: { id: newId(), slug, timeZone: 'UTC', ...active },
    account: { id: newId(), username, expiresAtMs: null, decoy: false, ...active },
    anonymous: null,
    credentials: [
      {
        id: newId(),
        label: null,
        hash,
        expiresAtMs: null,
        addresses: [],
        pathPrefix: null,
        readOnly: false,
        tlsOnly: false,
        version: 1,
      },
    ],
    mounts: [
      {
        id: newId(),
        path: '/',
        subpath: '/',
        permissions: [...PERMISSIONS],
        spaceId: newId(),
        backend: 'local',
        root: 'rehearsal',
      },
    ],
    policies:
      login === LOGINS[0]
        ? []
        : [{ source: 'account', policyId: newId(), version: 1, rules: { uploads: { receipts: false } } }],
  });
}

/** As PostgreSQL's jsonb has it, keys by length first, and as JSON.parse makes it: such objects share their shape. */
function asFromDatabase<T>(value: T): T {
  const ordered = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(ordered);
    if (typeof part !== 'object' || part === null) return part;
    const entries = Object.entries(part).toSorted(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, inner]) => [key, ordered(inner)]));
  };
  return JSON.parse(JSON.stringify(ordered(value))) as T;
}
