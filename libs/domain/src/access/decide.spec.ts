import { describe, expect, it } from '@jest/globals';
import { parsePath, ROOT } from '../paths/virtual-path.js';
import { type AccessRequest, type AccessSubject, assertPathAccess, decide, viewOf } from './decide.js';
import { loginError, evaluateLogin, nextLoginChange } from './login-policy.js';
import { toReply } from '../errors/to-reply.js';
import { mergePolicies } from './merge-policies.js';
import { ALL_PERMISSIONS, maskOf } from './permission.js';
import type { PolicyRules } from './policy-rules.js';
import { mayContinue } from './session-policy.js';
import type { Status } from './status.js';

const atMs = Date.parse('2026-06-15T12:00:00Z');

function aSubject(rules: PolicyRules = {}, over: Partial<AccessSubject> = {}): AccessSubject {
  return {
    tenant: { status: 'active', statusText: null },
    account: { status: 'active', statusText: null, expiresAtMs: null },
    mounts: [{ mountId: 'm', path: ROOT, permissions: ALL_PERMISSIONS }],
    policy: mergePolicies([{ source: 'account', policyId: 'p1', rules }]),
    ...over,
  };
}

function ask(
  subject: AccessSubject,
  operation: AccessRequest['operation'],
  path = '/x',
  over: Partial<AccessRequest> = {},
) {
  const { allowed, code, rule, ftpReply } = decide(subject, {
    operation,
    path: parsePath(path),
    address: '192.0.2.1',
    tls: true,
    atMs,
    ...over,
  });
  return {
    allowed,
    code,
    rule: rule === null ? null : `${rule.source}: ${rule.rule}`,
    reply: ftpReply.code,
    text: ftpReply.text,
  };
}

const account = (status: Status, statusText: string | null = null) => ({ status, statusText, expiresAtMs: null });

describe('decide', () => {
  it.each([
    ['login', 230],
    ['list', 226],
    ['upload', 226],
    ['delete', 250],
    ['mkdir', 257],
    ['touch', 213],
  ] as const)('allows %s where nothing speaks against it', (operation, reply) => {
    expect(ask(aSubject(), operation)).toMatchObject({ allowed: true, code: null, rule: null, reply });
  });

  it('names the policy rule that denies', () => {
    const subject = aSubject({ paths: [{ path: '/public/**', deny: ['delete'] }] });
    expect(ask(subject, 'delete', '/public/a')).toEqual({
      allowed: false,
      code: 'access.denied',
      rule: 'account: deny delete at /public/**',
      reply: 550,
      text: 'Permission denied',
    });
  });

  it('answers 553 to refused names and 550 to hidden ones', () => {
    const subject = aSubject({ names: { deny: ['*.php'], hide: ['.ht*'] } });
    for (const operation of ['upload', 'overwrite', 'append', 'mkdir'] as const) {
      expect(ask(subject, operation, '/a.PHP')).toMatchObject({ code: 'path.name-refused', reply: 553 });
    }
    expect(ask(subject, 'download', '/a.php').allowed).toBe(true);
    expect(ask(subject, 'download', '/.htaccess')).toMatchObject({ code: 'path.not-found', reply: 550 });
    expect(ask(subject, 'upload', '/.htaccess')).toMatchObject({ code: 'path.name-refused', reply: 553 });
    expect(ask(subject, 'rename', '/a.txt', { newPath: parsePath('/a.php') })).toMatchObject({
      code: 'path.name-refused',
      reply: 553,
    });
    expect(ask(subject, 'rename', '/a.php', { newPath: parsePath('/a.txt') }).allowed).toBe(true);
  });

  it('asks both ends of a rename', () => {
    const subject = aSubject({
      paths: [
        { path: '/in', deny: ['upload', 'overwrite'] },
        { path: '/locked', deny: ['rename'] },
      ],
    });
    const rename = (from: string, to: string, over: Partial<AccessRequest> = {}) =>
      ask(subject, 'rename', from, { newPath: parsePath(to), ...over });
    expect(rename('/a', '/b').allowed).toBe(true);
    expect(rename('/locked/a', '/b').reply).toBe(550);
    expect(rename('/a', '/locked/b').reply).toBe(553);
    expect(rename('/a', '/in/a').reply).toBe(553);
    expect(rename('/in/a', '/in/b').allowed).toBe(true);
    expect(rename('/in/a', '/in/b', { replaces: true })).toMatchObject({
      reply: 553,
      rule: 'account: deny overwrite at /in',
    });
  });

  it('does not move a folder past a rule for what it holds', () => {
    const subject = aSubject({
      paths: [
        { path: '/site/config', deny: ['rename'] },
        { path: '/in/done', deny: ['upload'] },
      ],
    });
    const move = (from: string, to: string) =>
      ask(subject, 'rename', from, { newPath: parsePath(to), directory: true });
    expect(move('/site', '/elsewhere').rule).toBe('account: deny rename at /site/config');
    expect(move('/a', '/in').rule).toBe('account: deny upload at /in/done');
    expect(move('/a', '/b').allowed).toBe(true);
    expect(ask(subject, 'rename', '/site', { newPath: parsePath('/b') }).allowed).toBe(true);
  });

  it('knows mounts: what they give, where nothing is, and that they stay', () => {
    const mounts = [
      { mountId: '2', path: parsePath('/shared/docs'), permissions: maskOf(['list', 'download', 'rename']) },
      { mountId: '1', path: parsePath('/home'), permissions: ALL_PERMISSIONS },
    ];
    const subject = aSubject({}, { mounts });
    expect(ask(subject, 'upload', '/shared/docs/a')).toMatchObject({
      reply: 550,
      rule: 'mount: the mount /shared/docs gives list, download, rename',
    });
    expect(ask(subject, 'list', '/shared').allowed).toBe(true);
    expect(ask(subject, 'upload', '/shared/a').rule).toBe('mount: nothing is mounted at /shared/a');
    expect(ask(subject, 'rmdir', '/home').rule).toBe('mount: /home is a mount point or leads to one');
    expect(ask(subject, 'upload', '/home/a').allowed).toBe(true);
  });

  it.each([
    ['active', 'upload', true],
    ['read_only', 'upload', false],
    ['read_only', 'delete', false],
    ['read_only', 'list', true],
    ['read_only', 'download', true],
    ['download_only', 'upload', false],
    ['download_only', 'download', true],
    ['suspended', 'download', false],
    ['suspended', 'login', false],
    ['download_only', 'login', true],
  ] as const)('status %s, %s: %s', (status, operation, allowed) => {
    expect(ask(aSubject({}, { account: account(status) }), operation).allowed).toBe(allowed);
    expect(ask(aSubject({}, { tenant: { status, statusText: null } }), operation).allowed).toBe(allowed);
  });

  it('shows the customer what the admin wrote, and the one text otherwise', () => {
    expect(ask(aSubject({}, { account: account('read_only', 'Please pay\r\ninvoice 7') }), 'upload').text).toBe(
      'Please pay invoice 7',
    );
    expect(ask(aSubject({}, { account: account('suspended', 'Call us') }), 'login')).toMatchObject({
      reply: 530,
      text: 'Call us',
      rule: 'status: the account is suspended',
    });
    expect(ask(aSubject({}, { account: account('suspended') }), 'login')).toMatchObject({
      reply: 530,
      text: 'Authentication failed.',
      code: 'account.suspended',
    });
    const stricter = aSubject(
      {},
      { tenant: { status: 'suspended', statusText: 'Tenant text' }, account: account('read_only', 'Account text') },
    );
    expect(ask(stricter, 'login').text).toBe('Tenant text');
  });

  it('gives every refused login the same reply', () => {
    const refused = [
      ask(aSubject({ addresses: { deny: ['0.0.0.0/0'] } }), 'login'),
      ask(aSubject({ protocols: { tls: 'required' } }), 'login', '/', { tls: false }),
      ask(aSubject({ protocols: { ftps: false } }), 'login'),
      ask(aSubject({ expiresAt: '2026-01-01T00:00:00Z' }), 'login'),
      ask(aSubject({ times: [{ days: ['tue'], from: '00:00', to: '24:00', timeZone: 'UTC' }] }), 'login'),
      ask(aSubject({}, { account: { ...account('active'), expiresAtMs: atMs } }), 'login'),
      ask(aSubject({}, { account: account('suspended') }), 'login'),
    ];
    expect(new Set(refused.map(({ code }) => code)).size).toBe(6);
    for (const { reply, text } of refused) expect([reply, text]).toEqual([530, 'Authentication failed.']);
  });

  it('is what the worker throws', () => {
    const subject = aSubject({ names: { deny: ['*.php'] } });
    const access = { operation: 'upload', path: parsePath('/a.php') } as const;
    let thrown: unknown = null;
    try {
      assertPathAccess(viewOf(subject), access);
    } catch (error) {
      thrown = error;
    }
    expect(toReply(thrown)).toEqual({ code: 553, text: 'File name not allowed' });
    expect(() => assertPathAccess(viewOf(subject), { ...access, path: parsePath('/a.txt') })).not.toThrow();
  });
});

const facts = (over: Partial<AccessSubject> = {}, rules: PolicyRules = {}) => ({
  ...aSubject(rules, over),
  credential: null,
  credentialStands: true,
  attempt: { address: '192.0.2.1', tls: true, atMs },
});

describe('an open session', () => {
  it('goes on exactly while its login would be let in', () => {
    expect(mayContinue(facts())).toEqual({ ok: true });
    expect(mayContinue(facts({ account: account('read_only') }))).toEqual({ ok: true });
    expect(mayContinue(facts({ account: account('suspended', 'Call us') }))).toMatchObject({
      ok: false,
      error: 'account.suspended',
      text: 'Call us',
    });
    expect(mayContinue(facts({}, { addresses: { allow: ['10.0.0.0/8'] } }))).toMatchObject({
      error: 'access.address-refused',
    });
    expect(mayContinue({ ...facts(), credentialStands: false })).toMatchObject({
      error: 'session.ended',
      rule: { rule: 'the password was changed' },
    });
    expect(mayContinue({ ...facts(), account: null })).toMatchObject({
      error: 'session.ended',
      rule: { rule: 'the account was removed' },
    });
  });

  it('knows when to look again', () => {
    const expiresAtMs = atMs + 5_000;
    const subject = {
      ...facts({ account: { ...account('active'), expiresAtMs } }, { expiresAt: '2026-06-15T12:01:00Z' }),
    };
    expect(nextLoginChange(subject, atMs)).toBe(expiresAtMs);
    expect(nextLoginChange(subject, expiresAtMs)).toBe(Date.parse('2026-06-15T12:01:00Z'));
    expect(nextLoginChange(facts(), atMs)).toBeNull();
  });

  it('logs the true code behind the one text', () => {
    const decision = evaluateLogin(facts({ account: account('suspended') }));
    if (decision.ok) throw new Error('The login was let in');
    expect(loginError(decision)).toMatchObject({ code: 'account.suspended', message: 'Authentication failed.' });
  });
});
