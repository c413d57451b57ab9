import { BlockList, isIPv6 } from 'node:net';
import { parentOf } from '../paths/virtual-path.js';
import type { AccessRequest, AccessSubject } from '../access/decide.js';
import type { PolicyLevel } from '../access/merge-policies.js';
import { type Permission, PERMISSIONS, permissionsOf } from '../access/permission.js';
import type { PolicyRules } from '../access/policy-rules.js';

/*
 * The oracle: docs/policies.md written a second time, slowly and with other means (regular expressions for globs, node's
 * BlockList for addresses, formatted text for times, sets of words for permissions). It shares no code with the product
 * beyond the names of permissions.
 */

export type Outcome = { readonly allowed: boolean; readonly code: string | null; readonly source: string | null };

export interface Case {
  readonly levels: readonly PolicyLevel[];
  readonly subject: Omit<AccessSubject, 'policy'>;
  readonly request: AccessRequest;
}

export function oracle({ levels, subject, request }: Case): Outcome {
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
