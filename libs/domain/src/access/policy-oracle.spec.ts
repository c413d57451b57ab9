import { BlockList, isIPv6 } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parentOf, parsePath, type VirtualPath } from '../paths/virtual-path.js';
import type { CredentialLimits } from './credential-limits.js';
import { type AccessRequest, type AccessSubject, decide, type Operation, OPERATIONS } from './decide.js';
import type { MountView } from './effective-permissions.js';
import { mergePolicies, type PolicyLevel } from './merge-policies.js';
import { ALL_PERMISSIONS, maskOf, type Permission, PERMISSIONS, permissionsOf } from './permission.js';
import { policyFaults } from './policy-faults.js';
import type { PolicyRules } from './policy-rules.js';
import { STATUSES } from './status.js';

/*
 * The oracle: docs/policies.md written a second time, slowly and with other means (regular expressions for globs, node's
 * BlockList for addresses, formatted text for times, sets of words for permissions). It shares no code with the product
 * beyond the names of permissions.
 */

type Outcome = { readonly allowed: boolean; readonly code: string | null; readonly source: string | null };

interface Case {
  readonly levels: readonly PolicyLevel[];
  readonly subject: Omit<AccessSubject, 'policy'>;
  readonly request: AccessRequest;
}

function oracle({ levels, subject, request }: Case): Outcome {
  const login = oracleLogin(levels, subject, request);
  if (login !== null) return login;
  if (request.operation === 'login') return { allowed: true, code: null, source: null };
  const at = (permission: Permission, path: string, creates: 'file' | 'directory' | null) =>
    oracleAt(levels, subject, permission, path, creates);
  const writes = ['upload', 'overwrite', 'append'].includes(request.operation);
  const creates = writes ? 'file' : request.operation === 'mkdir' ? 'directory' : null;
  let outcome = at(request.operation, request.path!, creates);
  if (request.operation === 'rename' && request.newPath !== undefined) {
    outcome ??= at('rename', request.newPath, 'file');
    if (parentOf(request.newPath) !== parentOf(request.path!)) outcome ??= at('upload', request.newPath, 'file');
    if (request.replaces === true) outcome ??= at('overwrite', request.newPath, 'file');
  }
  return outcome ?? { allowed: true, code: null, source: null };
}

const no = (code: string, source: string) => ({ allowed: false, code, source });
const within = (inner: string, outer: string) =>
  `${inner}/`.replace('//', '/').startsWith(`${outer}/`.replace('//', '/'));
const isMoreSpecific = (a: string, b: string) => compareSlowly(a, b) > 0;
const wild = (name: string) => /[*?[]/.test(name);

function oracleLogin(levels: Case['levels'], subject: Case['subject'], request: AccessRequest): Outcome | null {
  if (subject.tenant.status === 'suspended' || subject.account.status === 'suspended') {
    return no('account.suspended', 'status');
  }
  if (subject.account.expiresAtMs !== null && subject.account.expiresAtMs <= request.atMs) {
    return no('access.expired', 'account');
  }
  const credential = subject.credential ?? null;
  if (credential !== null) {
    if (credential.expiresAtMs !== null && credential.expiresAtMs <= request.atMs)
      return no('access.expired', 'credential');
    if (credential.tlsOnly && !request.tls) return no('auth.tls-required', 'credential');
    if (credential.addresses.length > 0 && !inBlocks(credential.addresses, request.address)) {
      return no('access.address-refused', 'credential');
    }
  }
  for (const { source, rules } of levels) {
    if (rules.expiresAt !== undefined && new Date(rules.expiresAt) <= new Date(request.atMs))
      return no('access.expired', source);
  }
  for (const { source, rules } of levels) {
    if (request.tls && rules.protocols?.ftps === false) return no('access.protocol-refused', source);
    if (!request.tls && (rules.protocols?.ftp === false || rules.protocols?.tls === 'required')) {
      return no('auth.tls-required', source);
    }
  }
  for (const { source, rules } of levels) {
    if (inBlocks(rules.addresses?.deny ?? [], request.address)) return no('access.address-refused', source);
    const allow = rules.addresses?.allow ?? [];
    if (allow.length > 0 && !inBlocks(allow, request.address)) return no('access.address-refused', source);
  }
  for (const { source, rules } of levels) {
    const times = rules.times ?? [];
    if (times.length > 0 && !times.some((window) => inWindow(window, request.atMs)))
      return no('access.time-refused', source);
  }
  return null;
}

function oracleAt(
  levels: Case['levels'],
  subject: Case['subject'],
  permission: Permission,
  path: string,
  creates: 'file' | 'directory' | null,
): Outcome | null {
  const prefix = subject.credential?.pathPrefix ?? null;
  const segments = path.normalize('NFC').split('/').filter(Boolean);
  const hiddenCode = creates === null ? 'path.not-found' : 'path.name-refused';
  if (prefix !== null && !within(path, prefix) && !within(prefix, path)) return no(hiddenCode, 'credential');
  for (const { source, rules } of levels) {
    for (const pattern of rules.names?.hide ?? []) {
      if (segments.some((segment) => nameExpression(pattern).test(foldSlowly(segment)))) return no(hiddenCode, source);
    }
  }
  const grades: Record<string, readonly string[]> = {
    active: PERMISSIONS,
    read_only: ['list', 'download'],
    download_only: ['list', 'download'],
    suspended: [],
  };
  for (const status of [subject.tenant.status, subject.account.status]) {
    if (!grades[status]!.includes(permission)) return no('access.denied', 'status');
  }
  const mount = subject.mounts
    .filter((candidate) => within(path, candidate.path))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
  let given: readonly string[] = [];
  if (mount !== undefined) given = permissionsOf(mount.permissions);
  else if (subject.mounts.some((candidate) => within(candidate.path, path))) given = ['list'];
  if (subject.mounts.some((candidate) => within(candidate.path, path)))
    given = given.filter((name) => !['rename', 'rmdir', 'delete'].includes(name));
  if (!given.includes(permission)) return no('access.denied', 'mount');
  if (prefix !== null && !within(path, prefix) && permission !== 'list') return no('access.denied', 'credential');
  if (subject.credential?.readOnly === true && !['list', 'download'].includes(permission)) {
    return no('access.denied', 'credential');
  }
  for (const { source, rules } of levels) {
    if (!oraclePaths(rules, permission, segments)) return no('access.denied', source);
  }
  if (creates === null) return null;
  const name = foldSlowly(segments.at(-1) ?? '');
  for (const { source, rules } of levels) {
    const matches = (patterns: readonly string[] = []) =>
      patterns.some((pattern) => nameExpression(pattern).test(name));
    if (matches(rules.names?.deny)) return no('path.name-refused', source);
    if (creates === 'file' && (rules.names?.allow ?? []).length > 0 && !matches(rules.names?.allow)) {
      return no('path.name-refused', source);
    }
  }
  return null;
}

function oraclePaths(rules: PolicyRules, permission: Permission, segments: readonly string[]): boolean {
  const text = `/${segments.join('/')}`;
  const matching = (rules.paths ?? []).filter((rule) => pathExpression(rule.path).test(text));
  const mentioning = matching.filter((rule) => rule.allow?.includes(permission) || rule.deny?.includes(permission));
  const top = mentioning.filter((rule) => !mentioning.some((other) => isMoreSpecific(other.path, rule.path)));
  if (top.length > 0) return !top.some((rule) => rule.deny?.includes(permission));
  const isCompleteList = (rule: (typeof matching)[number]) =>
    (rule.allow ?? []).some(
      (name) => !matching.some((other) => other.deny?.includes(name) && !isMoreSpecific(other.path, rule.path)),
    );
  return !matching.some(isCompleteList);
}

/** The documented order, one criterion after the other. */
function compareSlowly(a: string, b: string): number {
  const facts = [a, b].map((pattern) => {
    let names = pattern.split('/').filter(Boolean);
    let subtree = names.length === 0;
    while (names.at(-1) === '**') {
      names = names.slice(0, -1);
      subtree = true;
    }
    if (names.length > 0 && !wild(names.at(-1)!)) subtree = true;
    let leading = 0;
    while (leading < names.length && !wild(names[leading]!)) leading++;
    const counted = names.filter((name) => name !== '**');
    const letters = counted.join('').replaceAll(/\[[^\]]+\]|[*?]/g, '').length;
    return [leading, counted.length, letters, subtree ? 0 : 1];
  });
  for (let i = 0; i < 4; i++) if (facts[0]![i] !== facts[1]![i]) return facts[0]![i]! - facts[1]![i]!;
  return 0;
}

function pathExpression(pattern: string): RegExp {
  const names = pattern.normalize('NFC').split('/').filter(Boolean);
  const lastIsPlain = names.length === 0 || !/[*?[]/.test(names.at(-1)!);
  const body = names.map((name) => (name === '**' ? '(?:/[^/]+)*' : `/(?=[^/])${segmentExpression(name)}`)).join('');
  return new RegExp(
    `^(?:${body}${lastIsPlain ? '(?:/[^/]+)*' : ''}|${body === '' ? '/' : '(?!)'}|${/^(\(\?:\/\[\^\/\]\+\)\*)+$/.test(body) ? '/' : '(?!)'})$`,
    'u',
  );
}

function nameExpression(pattern: string): RegExp {
  return new RegExp(`^${segmentExpression(foldSlowly(pattern))}$`, 'u');
}

function segmentExpression(pattern: string): string {
  return pattern
    .replaceAll(/[.+^$()|\\{}]/g, String.raw`\$&`)
    .replaceAll(/\*+/g, '[^/]*')
    .replaceAll('?', '[^/]')
    .replaceAll('[!', '[^');
}

function foldSlowly(name: string): string {
  return Array.from(name.normalize('NFC'), (letter) => letter.toLowerCase())
    .join('')
    .normalize('NFC');
}

function inBlocks(blocks: readonly string[], address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const bare = mapped === null ? address : mapped[1]!;
  const list = new BlockList();
  for (const block of blocks) {
    const [network, bits] = block.split('/') as [string, string | undefined];
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    // BlockList also maps IPv4 into IPv6 blocks; our families are apart.
    if (isIPv6(network) !== isIPv6(bare)) continue;
    if (bits === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(bits), family);
  }
  return list.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4');
}

function inWindow(window: NonNullable<PolicyRules['times']>[number], atMs: number): boolean {
  const shown = (ms: number, options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { timeZone: window.timeZone, ...options }).format(ms);
  const clock = shown(atMs, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const today = shown(atMs, { weekday: 'short' }).toLowerCase();
  const order = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
  const yesterday = order[(order.indexOf(today) + 6) % 7]!;
  const days: readonly string[] = window.days;
  if (window.to > window.from) return days.includes(today) && clock >= window.from && clock < window.to;
  return (days.includes(today) && clock >= window.from) || (days.includes(yesterday) && clock < window.to);
}

// ---- random cases, drawn from small alphabets so that rules and requests meet often

const segment = fc.constantFrom(
  'a',
  'b',
  'c',
  'Pub',
  'x.php',
  'X.PHP',
  'y.csv',
  '.secret',
  'café',
  'cafe\u0301',
  'né.php',
);
const path = fc.array(segment, { maxLength: 4 }).map((names) => parsePath(`/${names.join('/')}`));
const patternSegment = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'Pub', 'café', 'x.php') },
  { weight: 3, arbitrary: fc.constantFrom('*', '**', '**') },
  { weight: 2, arbitrary: fc.constantFrom('*.php', '?', 'c*', '[ab]', '[!a]', '*a*', 'x.???') },
);
const pattern = fc.array(patternSegment, { maxLength: 4 }).map((names) => `/${names.join('/')}`);
const someOf = <T>(values: readonly T[], maxLength = 4) => fc.uniqueArray(fc.constantFrom(...values), { maxLength });
const permissionList = fc.option(
  fc.oneof(someOf(PERMISSIONS, 3), fc.constant([...PERMISSIONS]), fc.constant(['list', 'download'] as const)),
  { nil: undefined },
);
const namePattern = fc.constantFrom('*.php', '*.PHP', '*.csv', '.*', 'caf*', 'CAFÉ', 'x.*', '*', '[a-c]', 'n?.php');
const blocks = someOf(
  ['10.0.0.0/8', '10.1.2.3', '192.0.2.0/25', '0.0.0.0/0', '2001:db8::/32', '2001:db8::1', '::/0'],
  2,
);
const address = fc.constantFrom(
  '10.1.2.3',
  '10.1.2.4',
  '::ffff:10.1.2.3',
  '192.0.2.127',
  '192.0.2.128',
  '2001:db8::1',
  '2001:db9::1',
);
const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe');
const clock = fc.constantFrom('00:00', '01:30', '02:30', '08:00', '12:00', '17:45', '22:00', '23:59');
const times = fc.array(
  fc.record({
    days: fc.uniqueArray(fc.constantFrom('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'), { minLength: 1 }),
    from: clock,
    to: clock,
    timeZone: zone,
  }),
  { maxLength: 2 },
);
const instant = fc.integer({ min: Date.UTC(2026, 2, 1), max: Date.UTC(2026, 10, 30) });
/** Undefined `absent` times as often as there is a value. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>, absent: number) =>
  fc.oneof({ weight: 1, arbitrary }, { weight: absent, arbitrary: fc.constant(undefined) });
const rules: fc.Arbitrary<PolicyRules> = fc.record({
  paths: fc.array(fc.record({ path: pattern, allow: permissionList, deny: permissionList.map((list) => list ?? []) }), {
    maxLength: 4,
  }),
  names: fc.record({
    allow: maybe(fc.array(namePattern, { maxLength: 2 }), 1),
    deny: maybe(fc.array(namePattern, { maxLength: 1 }), 1),
    hide: maybe(fc.constantFrom(['.*'], ['CAFÉ'], []), 1),
  }),
  addresses: maybe(fc.record({ allow: maybe(blocks, 1), deny: maybe(blocks, 1) }), 6),
  protocols: maybe(
    fc.record({
      ftp: maybe(fc.boolean(), 1),
      ftps: maybe(fc.constantFrom(true, true, false), 1),
      tls: maybe(fc.constantFrom('optional', 'required'), 1),
    }),
    4,
  ),
  times: maybe(times, 6),
  expiresAt: maybe(
    instant.map((ms) => new Date(ms + 1e10).toISOString()),
    4,
  ),
});
const sources = ['platform', 'tenant', 'account'] as const;
const levels = fc
  .tuple(maybe(rules, 1), maybe(rules, 1), maybe(rules, 1))
  .map((all) =>
    all.flatMap((each, index): PolicyLevel[] =>
      each === undefined ? [] : [{ source: sources[index]!, policyId: sources[index]!, rules: each }],
    ),
  );
const mounts: fc.Arbitrary<MountView[]> = fc
  .uniqueArray(fc.constantFrom('/', '/a', '/a/b', '/Pub'), { minLength: 1, maxLength: 3 })
  .chain((paths) =>
    fc.tuple(
      ...paths.map((each) =>
        fc
          .oneof(fc.constant(ALL_PERMISSIONS), someOf(PERMISSIONS, 8).map(maskOf))
          .map((permissions) => ({ mountId: each, path: each as VirtualPath, permissions })),
      ),
    ),
  )
  .map((list) => list.toSorted((a, b) => b.path.length - a.path.length));
const status = fc.oneof(
  { weight: 15, arbitrary: fc.constant('active' as const) },
  { weight: 1, arbitrary: fc.constantFrom(...STATUSES) },
);
const credential: fc.Arbitrary<CredentialLimits> = fc.record({
  expiresAtMs: fc.option(
    instant.map((ms) => ms + 1e10),
    { freq: 1 },
  ),
  addresses: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, blocks),
  pathPrefix: fc.option(
    fc.constantFrom('/a', '/a/b').map((text) => text as VirtualPath),
    { freq: 1 },
  ),
  readOnly: fc.boolean(),
  tlsOnly: fc.boolean(),
});
const cases: fc.Arbitrary<Case> = fc.record({
  levels,
  subject: fc.record({
    tenant: fc.record({ status, statusText: fc.constant(null) }),
    account: fc.record({
      status,
      statusText: fc.constant(null),
      expiresAtMs: fc.option(
        instant.map((ms) => ms + 1e10),
        { freq: 1 },
      ),
    }),
    credential: fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, credential),
    mounts,
  }),
  request: fc.record({
    operation: fc.constantFrom<Operation>(...OPERATIONS),
    path,
    newPath: maybe(path, 1),
    replaces: fc.boolean(),
    address,
    tls: fc.boolean(),
    atMs: instant,
  }),
});

describe('policy decisions', () => {
  it('agree with an independent oracle on 20,000 random pairs of policies and request', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(cases, (each) => {
        for (const level of each.levels) expect(policyFaults(level.rules)).toEqual([]);
        const decision = decide({ ...each.subject, policy: mergePolicies(each.levels) }, each.request);
        const expected = oracle(each);
        seen.set(expected.code ?? 'allowed', (seen.get(expected.code ?? 'allowed') ?? 0) + 1);
        const source = decision.allowed ? null : (decision.rule?.source ?? 'nobody');
        expect({ allowed: decision.allowed, code: decision.code, source }).toEqual(expected);
      }),
      { numRuns: 20_000 },
    );
    // A generator that only ever met one answer would prove nothing.
    for (const code of [
      'allowed',
      'access.denied',
      'path.name-refused',
      'path.not-found',
      'access.address-refused',
      'access.time-refused',
      'access.protocol-refused',
      'auth.tls-required',
      'access.expired',
      'account.suspended',
    ]) {
      expect({ code, enough: (seen.get(code) ?? 0) > 100 }).toEqual({ code, enough: true });
    }
  });

  it('never widen when a level or a deny is added', () => {
    fc.assert(
      fc.property(cases, rules, pattern, fc.constantFrom(...PERMISSIONS), (each, extra, denied, permission) => {
        const answer = (all: readonly PolicyLevel[]) =>
          decide({ ...each.subject, policy: mergePolicies(all) }, each.request).allowed;
        const narrower: PolicyLevel = { source: 'account', policyId: 'extra', rules: extra };
        expect(answer(each.levels) || !answer([...each.levels, narrower])).toBe(true);
        const deny: PolicyLevel = {
          source: 'account',
          policyId: 'deny',
          rules: { paths: [{ path: denied, deny: [permission] }] },
        };
        expect(answer(each.levels) || !answer([...each.levels, deny])).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });
});
