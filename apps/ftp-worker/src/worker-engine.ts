import type { Config } from '@quayside/config';
import { compileAddressRules } from '@quayside/domain';
import {
  type CertificatePair,
  type ClientAuthorities,
  type EngineOptions,
  FtpEngine,
  type Log,
} from '@quayside/ftp-engine';
import type { Traces } from '@quayside/observability';
import type { PasswordHasher, VerifiedPasswords } from '@quayside/passwords';
import type { AccountDirectory } from './auth/account-directory.js';
import type { CredentialUpkeep } from './auth/credential-upkeep.js';
import { FloodGuard } from './auth/flood-guard.js';
import { FtpAuthenticator } from './auth/ftp-authenticator.js';
import type { LoginThrottle } from './auth/login-throttle.js';
import type { WorkerEvents } from './events/worker-events.js';
import type { TenantHosts } from './listeners/tenant-hosts.js';
import type { WorkerFigures } from './metrics/worker-figures.js';
import type { QuotaLeases } from './quota/quota-leases.js';
import type { LiveGrants } from './sessions/live-grants.js';
import type { SessionDirectory } from './sessions/session-directory.js';
import type { SpaceBackends } from './storage/storage-resolver.js';
import { TracedAuthenticator } from './tracing/traced-authenticator.js';
import type { Metering } from './traffic/metering.js';
import { WorkerJournal } from './worker-journal.js';

export interface WorkerEngineParts {
  readonly config: Config;
  readonly listeners: EngineOptions['listeners'];
  readonly passivePorts: EngineOptions['passivePorts'];
  readonly certificate: CertificatePair | null;
  readonly clientAuthorities: ClientAuthorities | null;
  readonly accounts: AccountDirectory;
  readonly hosts: TenantHosts;
  readonly hasher: PasswordHasher;
  readonly verified: VerifiedPasswords;
  readonly throttle: LoginThrottle;
  readonly directory: SessionDirectory;
  readonly grants: LiveGrants;
  readonly credentials: CredentialUpkeep;
  readonly backends: SpaceBackends;
  readonly leases: QuotaLeases;
  readonly metering: Metering;
  readonly events: WorkerEvents;
  readonly figures: WorkerFigures;
  readonly traces: Traces | null;
  readonly log: Log;
}

/**
 * The engine of a worker with its adapters around it. The rehearsal's is made here too, so that what V8 learns there
 * holds: code is compiled for the shapes of objects and for the functions that it has seen, and those that are written
 * down in two places are never the same.
 */
export function workerEngine({ config, directory, grants, log, ...parts }: WorkerEngineParts): FtpEngine {
  const { ftp } = config;
  const flood = new FloodGuard(ftp.loginAllow.length === 0 ? null : compileAddressRules({ allow: ftp.loginAllow }));
  const authenticator = new FtpAuthenticator({
    accounts: parts.accounts,
    tenants: parts.hosts,
    hasher: parts.hasher,
    verified: parts.verified,
    throttle: parts.throttle,
    flood,
    sessions: directory,
    grants,
    upkeep: parts.credentials,
    certificates: config.tls.clientLogin,
  });
  return new FtpEngine(
    {
      listeners: parts.listeners,
      certificate: parts.certificate,
      clientAuthorities: parts.clientAuthorities,
      publicAddress: ftp.publicAddress ?? null,
      passivePorts: parts.passivePorts,
      masquerade: ftp.publicAddressRules,
      proxyTrusted: ftp.proxyTrusted,
      activeMode: ftp.activeMode,
      sessionReuse: config.tls.sessionReuse,
      tlsUploadEnd: config.tls.uploadEnd,
      uploadFsync: config.storage.fsync,
      timeouts: {
        login: ftp.loginTimeoutMs,
        idle: ftp.idleTimeoutMs,
        dataConnect: ftp.dataTimeoutMs,
        stall: ftp.stallTimeoutMs,
      },
      limits: { maxConnections: ftp.maxSessions },
      admit: (address) => (flood.refuses(address) ? 'Too many failed logins; try again later.' : null),
    },
    {
      authenticator: parts.traces === null ? authenticator : new TracedAuthenticator(authenticator, parts.traces),
      storage: parts.backends,
      quota: parts.leases,
      metering: parts.metering,
      journal: new WorkerJournal(
        parts.events.journal,
        (sessionId) => {
          directory.close(sessionId);
          grants.closed(sessionId);
        },
        parts.figures,
        parts.traces,
      ),
      tenants: parts.hosts,
      log,
    },
  );
}
