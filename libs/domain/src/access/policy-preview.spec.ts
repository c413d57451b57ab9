import { describe, expect, it } from '@jest/globals';
import { ROOT } from '../paths/virtual-path.js';
import type { PolicyLevel } from './merge-policies.js';
import { ALL_PERMISSIONS } from './permission.js';
import { previewPolicies } from './policy-preview.js';
import type { PolicyRules } from './policy-rules.js';

const nowMs = Date.parse('2026-06-15T12:00:00Z');
const subject = {
  tenant: { status: 'active', statusText: null },
  account: { status: 'active', statusText: null, expiresAtMs: null },
  mounts: [{ mountId: 'm', path: ROOT, permissions: ALL_PERMISSIONS }],
} as const;
const level = (rules: PolicyRules): PolicyLevel[] => [{ source: 'tenant', policyId: 'p', rules }];
const office = { days: ['sat'], from: '08:00', to: '18:00', timeZone: 'Europe/Berlin' } as const;

describe('a preview of policies', () => {
  it.each<[string, PolicyRules, PolicyRules]>([
    ['a path rule', {}, { paths: [{ path: '/a/*/[xy]?.txt', deny: ['chmod'] }] }],
    [
      'a path rule behind an allow list of addresses',
      { addresses: { allow: ['10.7.0.0/30'] } },
      { addresses: { allow: ['10.7.0.0/30'] }, paths: [{ path: '/**/b', deny: ['list'] }] },
    ],
    ['a name rule', { names: { deny: ['*.php'] } }, { names: { deny: ['*.php', '*.ph*'] } }],
    ['one address more', { addresses: { deny: ['10.0.0.0/31'] } }, { addresses: { deny: ['10.0.0.0/30'] } }],
    ['an IPv6 block', {}, { addresses: { deny: ['2001:db8:5::/48'] } }],
    ['TLS', {}, { protocols: { tls: 'required' } }],
    [
      'hours later in the week',
      { times: [{ ...office, days: ['mon', 'sat'] }] },
      { times: [{ ...office, days: ['mon'] }] },
    ],
    ['an expiry next week', {}, { expiresAt: '2026-06-20T00:00:00Z' }],
    ['a cap', { caps: { sessions: 5 } }, { caps: { sessions: 6 } }],
    ['the upload mode', {}, { uploads: { mode: 'direct' } }],
    ['session reuse', {}, { protocols: { sessionReuse: 'require' } }],
  ])('sees a change of %s', (_, before, after) => {
    expect(previewPolicies(subject, level(before), level(after), nowMs)).not.toEqual([]);
    expect(previewPolicies(subject, level(after), level(before), nowMs)).not.toEqual([]);
    expect(previewPolicies(subject, level(after), level(after), nowMs)).toEqual([]);
  });

  it('sees nothing where the change makes no difference', () => {
    const same = { paths: [{ path: '/a/**', deny: ['delete'] }], names: { hide: [] } } as const;
    expect(previewPolicies(subject, level({ paths: [{ path: '/a', deny: ['delete'] }] }), level(same), nowMs)).toEqual(
      [],
    );
  });

  it('names the request and both answers, and no more than asked for', () => {
    const changes = previewPolicies(
      subject,
      [],
      level({ paths: [{ path: '/', deny: ['delete', 'upload'] }] }),
      nowMs,
      3,
    );
    expect(changes).toHaveLength(3);
    expect(changes[0]).toMatchObject({
      what: 'access',
      before: { allowed: true },
      after: { allowed: false, code: 'access.denied' },
    });
  });
});
