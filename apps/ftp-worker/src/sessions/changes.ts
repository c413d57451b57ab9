import type { Change, EndedSessions } from '@quayside/database';
import type { SessionEnd } from '@quayside/ftp-engine';
import type { AccountDirectory } from '../auth/account-directory.js';
import type { LoginThrottle } from '../auth/login-throttle.js';
import type { TenantHosts } from '../listeners/tenant-hosts.js';
import type { QuotaLeases } from '../quota/quota-leases.js';
import type { LiveGrants } from './live-grants.js';

export interface ChangeTargets {
  readonly accounts: AccountDirectory;
  readonly hosts: TenantHosts;
  readonly leases: QuotaLeases;
  readonly grants: LiveGrants;
  readonly throttle: Pick<LoginThrottle, 'reload'>;
  /** Some node is to be drained, or no longer. */
  readonly nodesChanged: () => void;
  /** Spaces may have been asked to be counted. */
  readonly recount: () => void;
  /** Spaces may have been marked for removal. */
  readonly removeSpaces: () => void;
  readonly endSession: (id: string, end: SessionEnd) => void;
  /** Its sessions that are meant, also those that have no row yet. */
  readonly sessionsAmong: (ended: EndedSessions) => readonly string[];
}

/** How often every open session is compared with the database: catches what a lost notification missed. */
const COMPARE_MS = 30_000;

const KICK = { text: 'The session was ended by the administrator.', reason: 'kicked' } as const;

/** Carries what an admin changed to whatever this worker remembers of it, and to its open sessions. */
export class Changes {
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly targets: ChangeTargets) {}

  start(): void {
    this.targets.hosts.forget({ domains: true });
    this.timer = setInterval(() => void this.compareAll(), COMPARE_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }

  apply(change: Change): void {
    const { accounts, hosts, leases, grants, endSession } = this.targets;
    switch (change.table) {
      case 'quota_ledger':
        leases.limitsChanged(change.tenantId);
        return;
      case 'quota_lease':
        leases.wake(change.tenantId);
        return;
      case 'ftp_session':
        if (change.op === 'update' && change.id !== null) endSession(change.id, KICK);
        return;
      case 'ended_sessions':
        if (change.ended !== undefined) for (const id of this.targets.sessionsAmong(change.ended)) endSession(id, KICK);
        return;
      case 'login_score':
        void this.targets.throttle.reload();
        return;
      case 'node':
        this.targets.nodesChanged();
        return;
      case 'recount':
        this.targets.recount();
        return;
      case 'outbox':
      case 'webhook_lane':
        return;
      case 'space':
        this.targets.removeSpaces();
        break;
      case 'tenant':
        hosts.forget({ domains: false });
        break;
      case 'tenant_domain':
        hosts.forget({ domains: true });
        break;
      default:
    }
    accounts.forget(change);
    void grants.changed(change);
  }

  /** Notifications may have been missed: nothing that is remembered can be trusted. */
  compareAll(): Promise<void> {
    const { accounts, hosts, leases, grants, removeSpaces } = this.targets;
    const anybody = { tenantId: null, accountId: null };
    this.targets.nodesChanged();
    removeSpaces();
    this.targets.recount();
    hosts.forget({ domains: true });
    leases.limitsChanged(null);
    void this.targets.throttle.reload();
    accounts.forget(anybody);
    return grants.changed(anybody);
  }
}
