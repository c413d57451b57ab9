import { join } from 'node:path';
import type { Config, WorkerPlace } from '@quayside/config';
import type { LoginRecord, QuotaLedgerRepository, QuotaState } from '@quayside/database';
import { newId, PERMISSIONS } from '@quayside/domain';
import { type CertificatePair, FtpEngine, type Log } from '@quayside/ftp-engine';
import { PasswordHasher, VerifiedPasswords } from '@quayside/passwords';
import { AccountDirectory } from '../auth/account-directory.js';
import { FloodGuard } from '../auth/flood-guard.js';
import { FtpAuthenticator } from '../auth/ftp-authenticator.js';
import { LoginThrottle } from '../auth/login-throttle.js';
import { WorkerEvents } from '../events/worker-events.js';
import { type LeaseLedger, QuotaLeases } from '../quota/quota-leases.js';
import { LiveGrants } from '../sessions/live-grants.js';
import { SessionDirectory } from '../sessions/session-directory.js';
import { SpaceBackends } from '../storage/storage-resolver.js';
import { Metering } from '../traffic/metering.js';
import { MonthlyTraffic } from '../traffic/monthly-traffic.js';
import { SharedRates } from '../traffic/shared-rates.js';
import { WorkerJournal } from '../worker-journal.js';

export const LOGIN = 'rehearsal@rehearsal';
export const PASSWORD = 'rehearsal';

/** The cheapest that bcrypt has: one hash is made, and the password is remembered from then on. */
const BCRYPT_COST = 4;

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
  const record = recordOf(await hasher.hash(PASSWORD));
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
      publish: async (published) => [{ jobId: newId(), eventIds: published.map(({ id }) => id) }],
      queued: async () => new Set(),
    },
    backends,
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
  const grants = new LiveGrants({ reload: async () => [record] }, () => engine, log);
  const tenants = { find: async () => null };
  const noFigures = { fact: () => undefined, transfer: () => undefined };
  const engine: FtpEngine = new FtpEngine(
    {
      listeners: [{ name: 'rehearsal', host: '127.0.0.1', port: 0, tls: certificate === null ? 'off' : 'explicit' }],
      certificate,
      passivePorts: { min: 0, max: 0 },
      sessionReuse: config.tls.sessionReuse,
      tlsUploadEnd: config.tls.uploadEnd,
      uploadFsync: false,
    },
    {
      authenticator: new FtpAuthenticator({
        accounts: new AccountDirectory({ records: { findForLogin: async () => record } }),
        hasher,
        verified: new VerifiedPasswords(),
        throttle,
        flood: new FloodGuard(null),
        sessions: directory,
        grants,
        upkeep: { used: () => undefined, exposed: () => undefined },
        tenants,
      }),
      storage: backends,
      quota: new QuotaLeases({ ledger, workerId, log }),
      metering: new Metering({
        rates: new SharedRates({ sessions: { runningTransfers: async () => [] }, workerId, workers: 1 }),
        traffic: new MonthlyTraffic({ traffic: { used: async () => NO_TRAFFIC }, workerId }),
        log,
      }),
      journal: new WorkerJournal(
        events.journal,
        (sessionId) => {
          directory.close(sessionId);
          grants.closed(sessionId);
        },
        noFigures,
      ),
      tenants,
      log,
    },
  );
  await events.start();
  await engine.start();
  return {
    port: engine.addresses()[0]!.port,
    close: async () => {
      await engine.stop();
      grants.stop();
      await throttle.stop();
      await directory.stop();
      await events.stop();
      backends.close();
    },
  };
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

function recordOf(hash: string): LoginRecord {
  const [username, slug] = LOGIN.split('@') as [string, string];
  const active = { status: 'active', statusText: null, version: 1 } as const;
  return {
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
    policies: [],
  };
}
