import { describe, expect, it } from '@jest/globals';
import { parsePath } from '../paths/virtual-path.js';
import { OPEN_POLICY } from './access-policy.js';
import { NO_CREDENTIAL_LIMITS, restrictToCredential } from './credential-limits.js';
import { mergePolicies, type PolicyLevel, type PolicySource } from './merge-policies.js';
import { ALL_PERMISSIONS, permissionsOf, permits } from './permission.js';
import type { PolicyRules } from './policy-rules.js';

const level = (source: PolicySource, rules: PolicyRules): PolicyLevel => ({
  source,
  policyId: `${source}-policy`,
  rules,
});
const window = (from: string, to: string) => ({
  days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const,
  from,
  to,
  timeZone: 'UTC',
});
const visit = { address: '192.0.2.1', tls: true, atMs: Date.parse('2026-06-15T12:00:00Z') };

describe('merged policies', () => {
  it('of no levels are the open policy', () => {
    const policy = mergePolicies([]);
    expect(policy.permissionsAt(parsePath('/a'))).toBe(ALL_PERMISSIONS);
    expect(policy).toMatchObject({ protocols: OPEN_POLICY.protocols, caps: {}, uploads: OPEN_POLICY.uploads });
    expect(policy.refusesVisit(visit)).toBeNull();
  });

  it('refuse what any level refuses, whatever a lower level allows', () => {
    const policy = mergePolicies([
      level('platform', { paths: [{ path: '/', deny: ['chmod'] }] }),
      level('tenant', { paths: [{ path: '/pub', deny: ['delete'] }] }),
      level('account', {
        paths: [
          { path: '/', deny: ['upload'] },
          { path: '/pub', allow: ['upload', 'chmod', 'delete'] },
        ],
      }),
    ]);
    const path = parsePath('/pub/x');
    expect(permits(policy.permissionsAt(path), 'chmod')).toBe(false);
    expect(permits(policy.permissionsAt(path), 'delete')).toBe(false);
    expect(policy.ruleFor('delete', path)).toEqual({
      source: 'tenant',
      policyId: 'tenant-policy',
      rule: 'deny delete at /pub',
    });
  });

  it('keep the smallest cap and say whose it is', () => {
    const policy = mergePolicies([
      level('platform', { caps: { sessions: 5, fileSize: 100 } }),
      level('tenant', { caps: { sessions: 0, uploadRate: 7 } }),
      level('account', { caps: { sessions: 9, fileSize: 100 } }),
    ]);
    expect(policy.caps).toEqual({ sessions: 0, fileSize: 100, uploadRate: 7 });
    expect(policy.capRule('sessions')).toEqual({ source: 'tenant', policyId: 'tenant-policy', rule: 'cap sessions 0' });
    expect(policy.capRule('fileSize')?.source).toBe('platform');
    expect(policy.capRule('monthlyTotal')).toBeNull();
  });

  it('keep the strictest protocol rules; upload rules come from the last level that names them', () => {
    const policy = mergePolicies([
      level('platform', {
        protocols: { sessionReuse: 'require' },
        uploads: { mode: 'staged', receipts: false, partialTtlHours: 12 },
      }),
      level('tenant', {
        protocols: { ftp: false, sessionReuse: 'off' },
        uploads: { mode: 'direct', partialTtlHours: 48 },
      }),
      level('account', { protocols: { tls: 'optional', ftp: true } }),
    ]);
    expect(policy.protocols).toEqual({ ftp: false, ftps: true, tls: 'required', sessionReuse: 'require' });
    expect(policy.uploads).toEqual({ mode: 'direct', receipts: false, partialTtlHours: 12 });
    expect(policy.refusesVisit({ ...visit, tls: false })?.code).toBe('auth.tls-required');
    expect(mergePolicies([level('tenant', { protocols: { sessionReuse: 'off' } })]).protocols.sessionReuse).toBe('off');
  });

  it('need every level to be open, and know when that changes', () => {
    const policy = mergePolicies([
      level('tenant', { times: [window('08:00', '18:00')], expiresAt: '2026-06-15T13:30:00Z' }),
      level('account', { times: [window('12:00', '13:00'), window('20:00', '21:00')] }),
    ]);
    const at = (clock: string) => policy.refusesVisit({ ...visit, atMs: Date.parse(`2026-06-15T${clock}:00Z`) });
    expect(at('12:30')).toBeNull();
    expect(at('11:30')?.rule.source).toBe('account');
    expect(at('07:00')?.rule.source).toBe('tenant');
    expect(at('13:30')?.code).toBe('access.expired');
    expect(policy.nextChange(visit.atMs)).toBe(Date.parse('2026-06-15T13:00:00Z'));
    expect(policy.nextChange(Date.parse('2026-06-15T13:00:00Z'))).toBe(Date.parse('2026-06-15T13:30:00Z'));
  });

  it('hide what lies below a hidden folder', () => {
    const policy = mergePolicies([level('tenant', { names: { hide: ['.git'] } })]);
    expect(policy.isHidden(parsePath('/site/.GIT/config'))).toBe(true);
    expect(policy.hideRule(parsePath('/site/.git/config'))?.rule).toBe('hide name .git');
    expect(policy.isHidden(parsePath('/site/.github'))).toBe(false);
  });
});

describe('a policy under the limits of a password', () => {
  const prefix = { ...NO_CREDENTIAL_LIMITS, pathPrefix: parsePath('/site/blog') };

  it('shows only the way to its prefix', () => {
    const policy = restrictToCredential(OPEN_POLICY, prefix);
    expect(permissionsOf(policy.permissionsAt(parsePath('/site')))).toEqual(['list']);
    expect(policy.permissionsAt(parsePath('/site/blog/x'))).toBe(ALL_PERMISSIONS);
    expect(policy.isHidden(parsePath('/site'))).toBe(false);
    expect(policy.isHidden(parsePath('/site/blogger'))).toBe(true);
    expect(policy.isHidden(parsePath('/other'))).toBe(true);
    expect(policy.ruleFor('upload', parsePath('/site'))).toMatchObject({ source: 'credential' });
  });

  it('may read only, may need TLS, expires, and minds its addresses', () => {
    const expiresAtMs = visit.atMs + 1000;
    const policy = restrictToCredential(OPEN_POLICY, {
      expiresAtMs,
      addresses: ['192.0.2.0/24'],
      pathPrefix: null,
      readOnly: true,
      tlsOnly: true,
    });
    expect(permissionsOf(policy.permissionsAt(parsePath('/x')))).toEqual(['list', 'download']);
    expect(policy.refusesVisit(visit)).toBeNull();
    expect(policy.refusesVisit({ ...visit, tls: false })?.code).toBe('auth.tls-required');
    expect(policy.refusesVisit({ ...visit, address: '198.51.100.1' })?.code).toBe('access.address-refused');
    expect(policy.refusesVisit({ ...visit, atMs: expiresAtMs })?.code).toBe('access.expired');
    expect(policy.nextChange(visit.atMs)).toBe(expiresAtMs);
    expect(policy.protocols.tls).toBe('required');
    expect(restrictToCredential(OPEN_POLICY, NO_CREDENTIAL_LIMITS)).toBe(OPEN_POLICY);
  });
});
