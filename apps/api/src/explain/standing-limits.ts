import { Inject, Injectable } from '@nestjs/common';
import {
  CountedLimitsRepository,
  type LoginRecord,
  LoginThrottleRepository,
  QuotaLedgerRepository,
  type QuotaState,
  TrafficRepository,
} from '@quayside/database';
import {
  type AccessPolicy,
  admitAttempt,
  type Caps,
  compileAddressRules,
  type DecidingRule,
  DomainError,
  type ErrorCode,
  loginNameOf,
  type Operation,
  parseAddress,
  REFUSED_LOGIN,
  sourceOf,
  toReply,
  trafficLeft,
  type TrafficUsed,
} from '@quayside/domain';
import { API_SETTINGS, type ApiSettings } from '../settings.js';
import type { Explanation } from './explain.schema.js';

const DEAD_AFTER_MS = 60_000;
/** No worker: what every one of them moves counts. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** What beside the rules stands in the way, as it is now: bans, sessions, logins, traffic and quota. Counts nothing itself. */
@Injectable()
export class StandingLimits {
  constructor(
    @Inject(API_SETTINGS) private readonly settings: ApiSettings,
    private readonly throttle: LoginThrottleRepository,
    private readonly counted: CountedLimitsRepository,
    private readonly ledger: QuotaLedgerRepository,
    private readonly traffic: TrafficRepository,
  ) {}

  /** Before the password is looked at. */
  async refusesAddress({ account, tenant }: LoginRecord, address: string, atMs: number): Promise<Explanation | null> {
    const source = sourceOf(address);
    const login = loginNameOf(account.username, tenant.slug).toLowerCase();
    const standing = await this.throttle.standing(login, source);
    const verdict = admitAttempt({ ...standing, allowListed: this.#isAllowListed(address) }, atMs);
    if (!verdict.admitted) {
      const whom = verdict.by === 'source' ? source : `${login} from ${source}`;
      const rule = `${whom} is banned until ${new Date(verdict.untilMs).toISOString()}`;
      return refusal('auth.throttled', { source: 'ban', policyId: null, rule });
    }
    if (!account.decoy) return null;
    return refusal('auth.failed', { source: 'account', policyId: null, rule: 'the account is a decoy' });
  }

  /** After everything else about a login has been found right. */
  async refusesLogin(record: LoginRecord, policy: AccessPolicy, address: string): Promise<Explanation | null> {
    const { loginsPerMinute, tenantSessions, sessions, sessionsPerAddress } = policy.caps;
    const caps = [loginsPerMinute, tenantSessions, sessions, sessionsPerAddress];
    if (caps.every((cap) => cap === undefined)) return null;
    const ids = { tenantId: record.tenant.id, accountId: record.account.id };
    // The workers count the same.
    const staleMs = this.settings.deadAfterMs ?? DEAD_AFTER_MS;
    const now = await this.counted.sessions(ids, address, staleMs);
    const full = (cap: number | undefined, count: number): boolean => cap !== undefined && count >= cap;
    let cap: keyof Caps | null = null;
    const mayLogIn = loginsPerMinute === undefined || (await this.counted.mayLogIn(ids.accountId, loginsPerMinute));
    if (!mayLogIn) cap = 'loginsPerMinute';
    else if (full(tenantSessions, now.tenant)) cap = 'tenantSessions';
    else if (full(sessions, now.account)) cap = 'sessions';
    else if (full(sessionsPerAddress, now.address)) cap = 'sessionsPerAddress';
    if (cap === null) return null;
    return { allowed: false, code: 'session.limit', rule: policy.capRule(cap), reply: REFUSED_LOGIN };
  }

  /** Whether the operation may move or keep one byte more. */
  async refusesTransfer(
    record: LoginRecord,
    policy: AccessPolicy,
    operation: Operation,
    path: string,
  ): Promise<Explanation | null> {
    const writes = operation === 'upload' || operation === 'append' || operation === 'overwrite';
    if (!writes && operation !== 'download') return null;
    if (writes && policy.caps.fileSize === 0) return refusal('quota.file-too-large', policy.capRule('fileSize'));
    const spent = await this.#spentTraffic(record, policy, writes ? 'upload' : 'download');
    if (spent !== null) return refusal('quota.traffic', policy.capRule(spent));
    // A file may be replaced by a smaller one however full the space is.
    if (operation !== 'upload' && operation !== 'append') return null;
    const mount = record.mounts
      .filter((each) => each.path === '/' || path === each.path || path.startsWith(`${each.path}/`))
      .toSorted((a, b) => b.path.length - a.path.length)[0];
    if (mount === undefined) return null;
    const { space, tenant } = await this.ledger.state(record.tenant.id, mount.spaceId);
    for (const [of, state] of [
      ['space', space],
      ['tenant', tenant],
    ] as const) {
      const rule = fullQuota(state, operation === 'upload');
      if (rule !== null) return refusal('quota.exceeded', { source: of, policyId: null, rule: `${of} quota: ${rule}` });
    }
    return null;
  }

  /** The traffic cap of which the month has left nothing. */
  async #spentTraffic(
    { account }: LoginRecord,
    { caps }: AccessPolicy,
    direction: 'upload' | 'download',
  ): Promise<keyof Caps | null> {
    const own = direction === 'upload' ? 'monthlyUpload' : 'monthlyDownload';
    if (caps[own] === undefined && caps.monthlyTotal === undefined) return null;
    const used: TrafficUsed = await this.traffic.used(account.id, NOBODY, []);
    const isSpent = (cap: 'monthlyUpload' | 'monthlyDownload' | 'monthlyTotal'): boolean =>
      caps[cap] !== undefined && trafficLeft({ [cap]: caps[cap] }, used, direction) === 0;
    if (isSpent(own)) return own;
    return isSpent('monthlyTotal') ? 'monthlyTotal' : null;
  }

  #isAllowListed(address: string): boolean {
    const { loginAllow = [] } = this.settings;
    if (loginAllow.length === 0) return false;
    return compileAddressRules({ allow: loginAllow }).refusal(parseAddress(address)) === null;
  }
}

/** Which limit leaves no room; null where there is some. */
function fullQuota(state: QuotaState, newFile: boolean): string | null {
  const { bytesLimit, bytesUsed, filesLimit, filesUsed } = state;
  if (bytesLimit !== null && bytesUsed >= bytesLimit) return `${bytesUsed} of ${bytesLimit} bytes are used`;
  if (newFile && filesLimit !== null && filesUsed >= filesLimit) return `${filesUsed} of ${filesLimit} files are there`;
  return null;
}

function refusal(code: ErrorCode, rule: DecidingRule | null): Explanation {
  return { allowed: false, code, rule, reply: toReply(new DomainError(code)) };
}
