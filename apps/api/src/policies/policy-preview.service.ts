import { Injectable } from '@nestjs/common';
import { accessSubjectOf, LoginRepository, type LoginRecord, PolicyRepository } from '@quayside/database';
import { DomainError, isId, loginNameOf, type PolicyChange, policyChanges, type PolicyRules } from '@quayside/domain';
import { setImmediate } from 'node:timers/promises';
import { type PolicyPreview, presentChange, type PreviewInput } from './policy-preview.schema.js';

/** Accounts that one preview looks at, at most, and examples that it gives for each. */
const MOST_ACCOUNTS = 200;
const MOST_CHANGES = 10;
/** For all accounts, and for one whose rules make very many requests to try. */
const BUDGET_MS = 4000;
const ACCOUNT_BUDGET_MS = 500;
/** Then everybody else has a turn. */
const TURN_MS = 10;

/** What other rules of a policy would change, by the same functions that decide for the FTP workers. */
@Injectable()
export class PolicyPreviewService {
  constructor(
    private readonly policies: PolicyRepository,
    private readonly logins: LoginRepository,
  ) {}

  async preview(owner: string | null, policyId: string, { rules }: PreviewInput): Promise<PolicyPreview> {
    const policy = isId(policyId) ? await this.policies.find(owner, policyId) : null;
    if (policy === null) throw new DomainError('policy.not-found');
    const { accountIds, total } = await this.policies.scope(policyId, MOST_ACCOUNTS);
    const records = await this.logins.reload(accountIds);
    const accounts: PolicyPreview['accounts'] = [];
    const startedMs = performance.now();
    let examined = 0;
    let complete = total <= accountIds.length;
    for (const record of records) {
      const leftMs = BUDGET_MS - (performance.now() - startedMs);
      if (leftMs <= 0) break;
      examined++;
      const { changes, all } = await changesFor(record, policyId, rules, Math.min(leftMs, ACCOUNT_BUDGET_MS));
      complete &&= all || changes.length === MOST_CHANGES;
      if (changes.length === 0) continue;
      const login = loginNameOf(record.account.username, record.tenant.slug);
      accounts.push({ id: record.account.id, login, changes: changes.map(presentChange), moreChanges: !all });
    }
    // Accounts that went while this one looked are no reason to call the answer incomplete.
    return { accounts, examined, total, truncated: !complete || examined < records.length };
  }
}

/** `all` is false where there may be more changes, for want of room or of time. */
async function changesFor(
  record: LoginRecord,
  policyId: string,
  rules: PolicyRules,
  budgetMs: number,
): Promise<{ readonly changes: PolicyChange[]; readonly all: boolean }> {
  const after = record.policies.map((level) => (level.policyId === policyId ? { ...level, rules } : level));
  const startedMs = performance.now();
  let turnMs = startedMs;
  const changes: PolicyChange[] = [];
  for (const change of policyChanges(accessSubjectOf(record, null), record.policies, after, startedMs)) {
    if (change !== null && changes.length === MOST_CHANGES) return { changes, all: false };
    if (change !== null) changes.push(change);
    const nowMs = performance.now();
    if (nowMs - startedMs > budgetMs) return { changes, all: false };
    if (nowMs - turnMs < TURN_MS) continue;
    await setImmediate();
    turnMs = performance.now();
  }
  return { changes, all: true };
}
