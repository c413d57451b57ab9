import { Injectable } from '@nestjs/common';
import { accessSubjectOf, LoginRepository, type LoginRecord, PolicyRepository } from '@quayside/database';
import { DomainError, isId, loginNameOf, type PolicyRules, previewPolicies } from '@quayside/domain';
import { setImmediate } from 'node:timers/promises';
import { type PolicyPreview, presentChange, type PreviewInput } from './policy-preview.schema.js';

/** Accounts that one preview looks at, at most, and examples that it gives for each. */
const MOST_ACCOUNTS = 200;
const MOST_CHANGES = 10;
/** After this long no further account is begun, so that one caller does not hold up the others. */
const BUDGET_MS = 2000;

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
    const nowMs = Date.now();
    let examined = 0;
    for (const record of records) {
      if (Date.now() - nowMs > BUDGET_MS) break;
      examined++;
      const changes = changesFor(record, policyId, rules, nowMs);
      if (changes.length > 0) {
        accounts.push({
          id: record.account.id,
          login: loginNameOf(record.account.username, record.tenant.slug),
          changes,
          moreChanges: changes.length === MOST_CHANGES,
        });
      }
      await setImmediate();
    }
    // Accounts that went while this one looked are no reason to call the answer incomplete.
    return { accounts, examined, total, truncated: examined < records.length || total > accountIds.length };
  }
}

function changesFor(record: LoginRecord, policyId: string, rules: PolicyRules, nowMs: number) {
  const after = record.policies.map((level) => (level.policyId === policyId ? { ...level, rules } : level));
  return previewPolicies(accessSubjectOf(record, null), record.policies, after, nowMs, MOST_CHANGES).map(presentChange);
}
