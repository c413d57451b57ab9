import { credentialLimitsOf, type LoginCredential, type LoginRecord } from '@quayside/database';
import {
  type AccessPolicy,
  effectiveStatus,
  type LoginFacts,
  loginNameOf,
  maskOf,
  mergePolicies,
  parsePath,
  restrictToCredential,
  type SessionGrant,
  type Visit,
} from '@quayside/domain';

/** The policy of a record, merged and compiled once: it is asked for by every login and every reload. */
const compiled = new WeakMap<LoginRecord, AccessPolicy>();

export function policyOf(record: LoginRecord): AccessPolicy {
  let policy = compiled.get(record);
  if (policy === undefined) {
    policy = mergePolicies(record.policies);
    compiled.set(record, policy);
  }
  return policy;
}

/** What `evaluateLogin` and `mayContinue` decide by. */
export function loginFacts(record: LoginRecord, credential: LoginCredential, attempt: Visit): LoginFacts {
  return {
    tenant: record.tenant,
    account: record.account,
    credential: credentialLimitsOf(credential),
    policy: policyOf(record),
    attempt,
  };
}

/** What a session of the account may do, as one value. */
export function grantOf(record: LoginRecord, credential: LoginCredential): SessionGrant {
  const { tenant, account } = record;
  const status = effectiveStatus(tenant, account);
  return {
    tenantId: tenant.id,
    tenantSlug: tenant.slug,
    accountId: account.id,
    username: account.username,
    login: loginNameOf(account.username, tenant.slug),
    credentialId: credential.id,
    version: versionOf(record, credential),
    status: status.status,
    statusText: status.text,
    mounts: record.mounts
      .map((mount) => ({
        mountId: mount.id,
        spaceId: mount.spaceId,
        path: parsePath(mount.path),
        subpath: parsePath(mount.subpath),
        permissions: maskOf(mount.permissions),
        backend: { kind: mount.backend, root: mount.root },
      }))
      .toSorted((a, b) => b.path.length - a.path.length),
    policy: restrictToCredential(policyOf(record), credentialLimitsOf(credential)),
  };
}

/** Changes whenever anything that a grant is made of changes. */
function versionOf(record: LoginRecord, credential: LoginCredential): string {
  const policies = record.policies.map(({ policyId, version }) => `${policyId}:${version}`).join(',');
  const mounts = record.mounts.map(({ id, path, permissions }) => `${id}:${path}:${permissions.join('+')}`).join(',');
  const limits = JSON.stringify(credentialLimitsOf(credential));
  return `${record.tenant.version}/${record.account.version}/${policies}/${mounts}/${limits}`;
}
