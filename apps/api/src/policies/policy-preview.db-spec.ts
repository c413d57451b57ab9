import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PolicyRules } from '@quayside/domain';
import { type ApiFixture, START_TIMEOUT_MS, startApi } from '../testing/api-fixture.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

const ok = async (method: string, path: string, body?: object) => {
  const answer = await api.call(method, path, body === undefined ? {} : { body });
  expect([path, answer.status < 300, answer.body]).toEqual([path, true, answer.body]);
  return answer.body;
};

/** Small, so that every request about them can be asked: what the rules below speak of, and what they do not. */
const PATHS = ['/', '/a/x.php', '/a/b', '/a/b/y.csv', '/pub/x.php', '/.hid'];
const OPERATIONS = ['list', 'upload', 'delete', 'mkdir'];
const ADDRESSES = ['10.1.2.3', '10.1.2.4', '2001:db8::1'];

/** What explain answers to everything: the account's name, then one line a request. */
async function everything(tenant: string, username: string): Promise<Map<string, boolean>> {
  const answers = new Map<string, boolean>();
  const ask = async (request: object): Promise<void> => {
    const path = `/v1/tenants/${tenant}/accounts/${username}/explain`;
    const { allowed } = await ok('POST', path, request);
    answers.set(JSON.stringify(request), allowed);
  };
  const requests: object[] = ADDRESSES.flatMap((address) =>
    [true, false].map((tls) => ({ operation: 'login', address, tls })),
  );
  for (const operation of OPERATIONS) {
    for (const path of PATHS) {
      requests.push({ operation, path, address: '10.1.2.3', tls: true });
    }
  }
  await Promise.all(requests.map(ask));
  return answers;
}

/** Rules that the policies of the three levels have at first. */
const BEFORE: Record<'platform' | 'tenant' | 'account', PolicyRules> = {
  platform: { names: { deny: ['*.php'] }, addresses: { deny: ['10.1.2.4'] } },
  tenant: { paths: [{ path: '/a', deny: ['delete'] }] },
  account: { paths: [{ path: '/a/b', deny: ['upload'] }], names: { hide: ['.*'] } },
};

/** And what they would become, one at a time. */
const CHANGES: readonly (readonly [string, 'platform' | 'tenant' | 'account', PolicyRules])[] = [
  ['the platform denies less', 'platform', {}],
  ['the platform requires TLS', 'platform', { ...BEFORE.platform, protocols: { tls: 'required' } }],
  ['the platform denies what the tenant denies already', 'platform', { ...BEFORE.platform, ...BEFORE.tenant }],
  ['the tenant allows what the platform denies', 'tenant', { ...BEFORE.tenant, names: { allow: ['*'] } }],
  ['the tenant denies what only one account could', 'tenant', { paths: [{ path: '/', deny: ['delete', 'mkdir'] }] }],
  ['the tenant lets one address in', 'tenant', { ...BEFORE.tenant, addresses: { allow: ['10.1.2.3'] } }],
  ['the account denies more', 'account', { ...BEFORE.account, paths: [{ path: '/**/b', deny: ['list'] }] }],
  ['the account gives back what others took', 'account', { paths: [{ path: '/', allow: ['delete'] }] }],
  ['nothing that counts', 'account', { ...BEFORE.account, names: { hide: ['.*'], deny: ['*.php'] } }],
];

describe('the preview of nested policies', () => {
  it(
    'names exactly the accounts of which explain answers something else afterwards',
    async () => {
      const { id: platform } = await ok('POST', '/v1/policies', {
        name: 'house',
        isPlatformDefault: true,
        rules: BEFORE.platform,
      });
      const policies: Record<string, string> = { platform };
      const accounts: (readonly [string, string])[] = [];
      for (const tenant of ['acme', 'other']) {
        await ok('POST', '/v1/tenants', { slug: tenant, name: tenant });
        const own = `/v1/tenants/${tenant}/policies`;
        const { id: ofTenant } = await ok('POST', own, { name: 'tenant', rules: BEFORE.tenant });
        const { id: ofAccount } = await ok('POST', own, { name: 'account', rules: BEFORE.account });
        if (tenant === 'acme') Object.assign(policies, { tenant: ofTenant, account: ofAccount });
        await ok('PATCH', `/v1/tenants/${tenant}`, { policy: ofTenant });
        // One stands under all three levels, one under two; one may do nothing that a change of permissions could turn.
        await ok('POST', `/v1/tenants/${tenant}/accounts`, { username: 'three', policy: ofAccount });
        await ok('POST', `/v1/tenants/${tenant}/accounts`, { username: 'two' });
        await ok('POST', `/v1/tenants/${tenant}/accounts`, { username: 'none', policy: ofAccount });
        await ok('POST', `/v1/tenants/${tenant}/accounts/none/suspend`, {});
        for (const username of ['three', 'two', 'none']) accounts.push([tenant, username]);
      }
      const pathOf = (level: string): string =>
        level === 'platform' ? `/v1/policies/${platform}` : `/v1/tenants/acme/policies/${policies[level]}`;
      const before = new Map<string, Map<string, boolean>>();
      for (const [tenant, username] of accounts)
        before.set(`${username}@${tenant}`, await everything(tenant, username));
      for (const [what, level, rules] of CHANGES) {
        const preview = await ok('POST', `${pathOf(level)}/preview`, { rules });
        const replaced = { ...Object.fromEntries(Object.keys(BEFORE[level]).map((part) => [part, null])), ...rules };
        await ok('PATCH', pathOf(level), { rules: replaced });
        const turned = new Set<string>();
        for (const [tenant, username] of accounts) {
          const login = `${username}@${tenant}`;
          for (const [request, allowed] of await everything(tenant, username)) {
            if (allowed !== before.get(login)!.get(request)) turned.add(login);
          }
        }
        const back = { ...Object.fromEntries(Object.keys(rules).map((part) => [part, null])), ...BEFORE[level] };
        await ok('PATCH', pathOf(level), { rules: back });
        const named = preview.accounts.map(({ login }: { login: string }) => login);
        expect([what, named.toSorted()]).toEqual([what, [...turned].toSorted()]);
        for (const { changes } of preview.accounts) {
          for (const change of changes) expect([what, change.what]).toEqual([what, 'access']);
        }
      }
    },
    START_TIMEOUT_MS,
  );
});
