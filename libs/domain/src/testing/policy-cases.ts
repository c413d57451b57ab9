import * as fc from 'fast-check';
import { parsePath, type VirtualPath } from '../paths/virtual-path.js';
import type { CredentialLimits } from '../access/credential-limits.js';
import { type Operation, OPERATIONS } from '../access/decide.js';
import type { MountView } from '../access/effective-permissions.js';
import type { PolicyLevel } from '../access/merge-policies.js';
import { ALL_PERMISSIONS, maskOf, PERMISSIONS } from '../access/permission.js';
import type { PolicyRules } from '../access/policy-rules.js';
import { STATUSES } from '../access/status.js';
import type { Case } from './policy-oracle.js';

// Random cases, drawn from small alphabets so that rules and requests meet often

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
  'Straße',
  'ΣΑΣ',
  'σας',
  '文.csv',
  'x.php.csv',
  '.hidden',
);
export const path = fc.array(segment, { maxLength: 4 }).map((names) => parsePath(`/${names.join('/')}`));
const patternSegment = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'Pub', 'café', 'x.php') },
  { weight: 3, arbitrary: fc.constantFrom('*', '**', '**') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('*.php', '?', 'c*', '[ab]', '[!a]', '*a*', 'x.???', '.*', '[!.]*', '*é*', 'σ*', '??*'),
  },
);
export const pattern = fc.array(patternSegment, { maxLength: 4 }).map((names) => `/${names.join('/')}`);
const someOf = <T>(values: readonly T[], maxLength = 4) => fc.uniqueArray(fc.constantFrom(...values), { maxLength });
const permissionList = fc.option(
  fc.oneof(someOf(PERMISSIONS, 3), fc.constant([...PERMISSIONS]), fc.constant(['list', 'download'] as const)),
  { nil: undefined },
);
const namePattern = fc.constantFrom(
  '*.php',
  '*.PHP',
  '*.php.*',
  '*.csv',
  '.*',
  '[!.]*',
  'caf*',
  'CAFÉ',
  'cafe\u0301',
  'straSSe',
  'STRAßE',
  'σα?',
  '文*',
  'x.*',
  '*',
  '[a-c]',
  'n?.php',
);
const blocks = someOf(
  [
    '10.0.0.0/8',
    '10.1.2.3',
    '10.1.2.4/31',
    '192.0.2.0/25',
    '0.0.0.0/0',
    '0.0.0.0/1',
    '2001:db8::/32',
    '2001:db8::1',
    '2001:db8:0:8000::/49',
    '2001:db8::/127',
    '2001:db8:ffff:ffff::/64',
    'fe80::/10',
    '::/0',
    '8000::/1',
  ],
  3,
);
const address = fc.constantFrom(
  '10.1.2.3',
  '10.1.2.4',
  '::ffff:10.1.2.3',
  '192.0.2.127',
  '192.0.2.128',
  '2001:db8::1',
  '2001:db8::2',
  '2001:db8:0:7fff:ffff:ffff:ffff:ffff',
  '2001:db8:0:8000::',
  '2001:0DB8:FFFF:FFFF::9',
  'fe80::1',
  '::ffff:192.0.2.128',
  '::1',
  '2001:db9::1',
);
const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe');
const clock = fc.constantFrom(
  '00:00',
  '01:00',
  '01:30',
  '02:00',
  '02:30',
  '03:00',
  '08:00',
  '12:00',
  '17:45',
  '22:00',
  '23:59',
);
const times = fc.array(
  fc.record({
    days: fc.uniqueArray(fc.constantFrom('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'), { minLength: 1 }),
    from: clock,
    to: clock,
    timeZone: zone,
  }),
  { maxLength: 2 },
);
/** When the clocks of these zones are put forward or back in 2026. */
const CLOCK_CHANGES = [
  '2026-03-08T07:00:00Z',
  '2026-11-01T06:00:00Z',
  '2026-03-29T01:00:00Z',
  '2026-10-25T01:00:00Z',
  '2026-04-04T15:00:00Z',
  '2026-10-03T15:30:00Z',
].map((text) => Date.parse(text));
const HOUR_MS = 3_600_000;
const instant = fc.oneof(
  fc.integer({ min: Date.UTC(2026, 2, 1), max: Date.UTC(2026, 10, 30) }),
  fc
    .tuple(fc.constantFrom(...CLOCK_CHANGES), fc.integer({ min: -3 * HOUR_MS, max: 3 * HOUR_MS }))
    .map(([change, offset]) => change + offset),
  // On the minute, and the last millisecond before it.
  fc
    .tuple(fc.constantFrom(...CLOCK_CHANGES), fc.integer({ min: -12, max: 12 }), fc.constantFrom(0, -1))
    .map(([change, quarters, before]) => change + (quarters * HOUR_MS) / 4 + before),
);
/** Undefined `absent` times as often as there is a value. */
export const maybe = <T>(arbitrary: fc.Arbitrary<T>, absent: number) =>
  fc.oneof({ weight: 1, arbitrary }, { weight: absent, arbitrary: fc.constant(undefined) });
export const rules: fc.Arbitrary<PolicyRules> = fc.record({
  paths: fc.array(fc.record({ path: pattern, allow: permissionList, deny: permissionList.map((list) => list ?? []) }), {
    maxLength: 4,
  }),
  names: fc.record({
    allow: maybe(fc.array(namePattern, { maxLength: 2 }), 1),
    deny: maybe(fc.array(namePattern, { maxLength: 1 }), 1),
    hide: maybe(fc.constantFrom(['.*'], ['CAFÉ'], ['*.CSV', 'ΣΑ?'], ['[a-b]'], []), 1),
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
export const levels = fc
  .tuple(maybe(rules, 1), maybe(rules, 1), maybe(rules, 1))
  .map((all) =>
    all.flatMap((each, index): PolicyLevel[] =>
      each === undefined ? [] : [{ source: sources[index]!, policyId: sources[index]!, rules: each }],
    ),
  );
export const mounts: fc.Arbitrary<MountView[]> = fc
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
export const cases: fc.Arbitrary<Case> = fc.record({
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
