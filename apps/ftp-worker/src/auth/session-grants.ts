import { credentialLimitsOf, type LoginCredential, type LoginRecord } from '@quayside/database';
import {
  type AccessPolicy,
  effectiveStatus,
  type LoginFacts,
  loginNameOf,
  maskOf,
  mergePolicies,
  parsePath,
  restrictToAnonymous,
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

/** By credential; a grant is a value that nobody changes. */
const granted = new WeakMap<LoginRecord, Map<string, SessionGrant>>();

/** What a session of the account may do, as one value; made once per record. */
export function grantOf(record: LoginRecord, credential: LoginCredential): SessionGrant {
  let grants = granted.get(record);
  if (grants === undefined) granted.set(record, (grants = new Map()));
  let grant = grants.get(credential.id);
  if (grant === undefined) grants.set(credential.id, (grant = makeGrant(record, credential)));
  return grant;
}

function makeGrant(record: LoginRecord, credential: LoginCredential): SessionGrant {
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
    ...rulesOf(record, credential),
  };
}

function rulesOf(record: LoginRecord, credential: LoginCredential): Pick<SessionGrant, 'policy' | 'anonymous'> {
  const policy = restrictToCredential(policyOf(record), credentialLimitsOf(credential));
  if (record.anonymous === null || credential.id !== record.account.id) return { policy };
  const { dropFolder } = record.anonymous;
  const anonymous = { dropFolder: dropFolder === null ? null : parsePath(dropFolder) };
  return { policy: restrictToAnonymous(policy, anonymous), anonymous };
}

/** What an anonymous visitor comes in with instead of a password; it has the account's id. */
export function anonymousCredential(record: LoginRecord): LoginCredential {
  return {
    id: record.account.id,
    label: 'anonymous',
    hash: '',
    expiresAtMs: null,
    addresses: [],
    pathPrefix: null,
    readOnly: false,
    tlsOnly: false,
    version: 0,
  };
}

const BY_CERTIFICATE = 'certificate';

/** What somebody comes in with whom a client certificate alone has proved. */
export function certificateCredential(record: LoginRecord): LoginCredential {
  return { ...anonymousCredential(record), id: BY_CERTIFICATE, label: 'client certificate' };
}

/** The credential of an open session as it is now; null where it is gone. */
export function credentialOf(record: LoginRecord, id: string): LoginCredential | null {
  if (id === BY_CERTIFICATE) return certificateCredential(record);
  if (id === record.account.id) return record.anonymous === null ? null : anonymousCredential(record);
  return record.credentials.find((credential) => credential.id === id) ?? null;
}

/** Changes whenever anything that a grant is made of changes. */
function versionOf(record: LoginRecord, credential: LoginCredential): string {
  const policies = record.policies.map(({ policyId, version }) => `${policyId}:${version}`).join(',');
  const mounts = record.mounts.map(({ id, path, permissions }) => `${id}:${path}:${permissions.join('+')}`).join(',');
  const limits = JSON.stringify([credentialLimitsOf(credential), record.anonymous]);
  // Statuses by name too: they must not depend on whoever changes a row to count its version.
  const { tenant, account } = record;
  const statuses = JSON.stringify([tenant.status, tenant.statusText, account.status, account.statusText]);
  return `${tenant.version}/${account.version}/${statuses}/${policies}/${mounts}/${limits}`;
}
