import type { ErrorCode } from '../errors/error-catalog.js';
import { nameOf, type VirtualPath } from '../paths/virtual-path.js';
import {
  type AccessPolicy,
  type DecidingRule,
  type EffectiveUploadRules,
  OPEN_POLICY,
  type Refusal,
  type Visit,
} from './access-policy.js';
import { type CompiledAddresses, compileAddressRules, parseAddress } from './address-rules.js';
import { type CompiledNames, compileNameRules, foldName } from './name-rules.js';
import { type PathRules, compilePathRules, segmentsOf } from './path-rules.js';
import { ALL_PERMISSIONS, type Permission, type PermissionMask, maskOf } from './permission.js';
import { CAPS, type Caps, type PolicyRules, type ProtocolRules, SESSION_REUSE } from './policy-rules.js';
import { type CompiledTimes, compileTimeWindows, windowText } from './time-windows.js';

/** Where a policy applies, widest first. */
export const POLICY_SOURCES = ['platform', 'tenant', 'account'] as const;
export type PolicySource = (typeof POLICY_SOURCES)[number];

/** One policy that applies to an account. */
export interface PolicyLevel {
  readonly source: PolicySource;
  readonly policyId: string | null;
  /** Rules that `policyFaults` has nothing against. */
  readonly rules: PolicyRules;
}

/** Answers kept per session grant; a listing of a huge folder must not keep its every name. */
const MAX_CACHED_PATHS = 1024;

interface CompiledLevel {
  readonly level: PolicyLevel;
  readonly paths: PathRules | null;
  readonly names: CompiledNames | null;
  readonly addresses: CompiledAddresses;
  readonly times: CompiledTimes;
  /** Why a visit without and with TLS is refused; null where it is not. */
  readonly plainRefusal: string | null;
  readonly tlsRefusal: string | null;
  readonly expiresAtMs: number | null;
}

/**
 * Merge the policies of platform, tenant and account (in that order) into the one that holds. Each is asked on its own,
 * and what any of them refuses is refused: a level can only narrow what the levels above it leave. Of caps and dates
 * the smallest holds, of TLS and session reuse the strictest; upload mode and receipts are taken from the last level
 * that names them. docs/policies.md is the same rule for people.
 */
export function mergePolicies(levels: readonly PolicyLevel[]): AccessPolicy {
  const compiled = levels.map(compileLevel);
  const withPaths = compiled.filter((level) => level.paths !== null);
  const withNames = compiled.filter((level) => level.names !== null);
  const hides = levels.some(({ rules }) => (rules.names?.hide ?? []).length > 0);
  const hideRule = (path: VirtualPath) => (hides ? firstHiding(withNames, path) : null);
  const nameRule = (path: VirtualPath, kind: 'file' | 'directory') => {
    if (withNames.length === 0) return null;
    const name = foldName(nameOf(path));
    return firstRule(withNames, ({ names }) => names!.refusal(name, kind));
  };
  return {
    permissionsAt: withPaths.length === 0 ? () => ALL_PERMISSIONS : cached((path) => permissionsAt(withPaths, path)),
    mayCreate: (path, kind = 'file') => nameRule(path, kind) === null,
    isHidden: (path) => hideRule(path) !== null,
    ruleFor: (permission, path) => ruleFor(withPaths, permission, path),
    ruleBelow(permission, path) {
      const segments = segmentsOf(path);
      return firstRule(withPaths, ({ paths }) => paths!.explainBelow(permission, segments));
    },
    nameRule,
    hideRule,
    refusesVisit: (visit) => refusesVisit(compiled, visit),
    nextChange: (atMs) => nextChange(compiled, atMs),
    capRule: (cap) => capRule(levels, cap),
    protocols: mergedProtocols(levels),
    caps: mergedCaps(levels),
    uploads: mergedUploads(levels),
  };
}

function compileLevel(level: PolicyLevel): CompiledLevel {
  const { rules } = level;
  return {
    level,
    paths: (rules.paths ?? []).length === 0 ? null : compilePathRules(rules.paths!),
    names: rules.names === undefined ? null : compileNameRules(rules.names),
    addresses: compileAddressRules(rules.addresses ?? {}),
    times: compileTimeWindows(rules.times ?? []),
    plainRefusal: protocolRefusal(rules.protocols, false),
    tlsRefusal: protocolRefusal(rules.protocols, true),
    expiresAtMs: rules.expiresAt === undefined ? null : Date.parse(rules.expiresAt),
  };
}

function cached(compute: (path: VirtualPath) => PermissionMask): (path: VirtualPath) => PermissionMask {
  const known = new Map<VirtualPath, PermissionMask>();
  return (path) => {
    const hit = known.get(path);
    if (hit !== undefined) return hit;
    const mask = compute(path);
    if (known.size >= MAX_CACHED_PATHS) known.clear();
    known.set(path, mask);
    return mask;
  };
}

function permissionsAt(levels: readonly CompiledLevel[], path: VirtualPath): PermissionMask {
  const segments = segmentsOf(path);
  let mask = ALL_PERMISSIONS;
  for (const { paths } of levels) mask &= paths!.permittedAt(segments);
  return mask;
}

/** The first level that refuses; where none does, the allow of the last level that has one. */
function ruleFor(levels: readonly CompiledLevel[], permission: Permission, path: VirtualPath): DecidingRule | null {
  const segments = segmentsOf(path);
  const bit = maskOf([permission]);
  let allowing: DecidingRule | null = null;
  for (const level of levels) {
    const text = level.paths!.explain(permission, segments);
    if (text === null) continue;
    const rule = ruleOf(level, text);
    if ((level.paths!.permittedAt(segments) & bit) === 0) return rule;
    allowing = rule;
  }
  return allowing;
}

/** A name hides itself and, being a folder, everything below. */
function firstHiding(levels: readonly CompiledLevel[], path: VirtualPath): DecidingRule | null {
  const names = segmentsOf(path).map(foldName);
  return firstRule(levels, (level) => {
    for (const name of names) {
      const text = level.names!.hiding(name);
      if (text !== null) return text;
    }
    return null;
  });
}

function refusesVisit(levels: readonly CompiledLevel[], visit: Visit): Refusal | null {
  const address = parseAddress(visit.address);
  const checks: [ErrorCode, (level: CompiledLevel) => string | null][] = [
    [
      'access.expired',
      (level) => (isPast(level.expiresAtMs, visit.atMs) ? `expires at ${level.level.rules.expiresAt}` : null),
    ],
    [
      visit.tls ? 'access.protocol-refused' : 'auth.tls-required',
      ({ plainRefusal, tlsRefusal }) => (visit.tls ? tlsRefusal : plainRefusal),
    ],
    ['access.address-refused', (level) => level.addresses.refusal(address)],
    [
      'access.time-refused',
      ({ level, times }) =>
        times.isOpen(visit.atMs) ? null : `allow only ${(level.rules.times ?? []).map(windowText).join('; ')}`,
    ],
  ];
  for (const [code, check] of checks) {
    const rule = firstRule(levels, check);
    if (rule !== null) return { code, rule };
  }
  return null;
}

function isPast(expiresAtMs: number | null, atMs: number): boolean {
  return expiresAtMs !== null && atMs >= expiresAtMs;
}

function protocolRefusal(rules: ProtocolRules = {}, tls: boolean): string | null {
  if (tls) return rules.ftps === false ? 'protocol ftps is off' : null;
  if (rules.tls === 'required') return 'TLS is required';
  return rules.ftp === false ? 'protocol ftp is off' : null;
}

function nextChange(levels: readonly CompiledLevel[], atMs: number): number | null {
  const instants = levels.flatMap(({ times, expiresAtMs }) => [times.nextChange(atMs), expiresAtMs]);
  return earliest(instants.filter((instant) => instant === null || instant > atMs));
}

/** The smallest of some values; null stands for none. */
export function earliest(values: readonly (number | null)[]): number | null {
  const given = values.filter((value) => value !== null);
  return given.length === 0 ? null : Math.min(...given);
}

function mergedProtocols(levels: readonly PolicyLevel[]): Required<ProtocolRules> {
  const all = levels.map(({ rules }) => rules.protocols ?? {});
  const ftp = all.every((rules) => rules.ftp !== false && rules.tls !== 'required');
  const reuse = Math.max(...all.map((rules) => SESSION_REUSE.indexOf(rules.sessionReuse!)));
  return {
    ftp,
    ftps: all.every((rules) => rules.ftps !== false),
    tls: ftp ? 'optional' : 'required',
    sessionReuse: SESSION_REUSE[reuse] ?? OPEN_POLICY.protocols.sessionReuse,
  };
}

function mergedCaps(levels: readonly PolicyLevel[]): Caps {
  const merged: { -readonly [Cap in keyof Caps]: number } = {};
  for (const cap of CAPS) {
    const holder = holderOf(levels, cap);
    if (holder !== null) merged[cap] = holder.rules.caps![cap]!;
  }
  return merged;
}

function capRule(levels: readonly PolicyLevel[], cap: keyof Caps): DecidingRule | null {
  const holder = holderOf(levels, cap);
  if (holder === null) return null;
  return { source: holder.source, policyId: holder.policyId, rule: `cap ${cap} ${holder.rules.caps![cap]}` };
}

/** The first level that sets the smallest value of a cap. */
function holderOf(levels: readonly PolicyLevel[], cap: keyof Caps): PolicyLevel | null {
  let holder: PolicyLevel | null = null;
  for (const level of levels) {
    const value = level.rules.caps?.[cap];
    if (value !== undefined && (holder === null || value < holder.rules.caps![cap]!)) holder = level;
  }
  return holder;
}

function mergedUploads(levels: readonly PolicyLevel[]): EffectiveUploadRules {
  const all = levels.map(({ rules }) => rules.uploads ?? {});
  const lifetimes = all.map((rules) => rules.partialTtlHours).filter((hours) => hours !== undefined);
  return {
    mode: all.findLast((rules) => rules.mode !== undefined)?.mode ?? OPEN_POLICY.uploads.mode,
    receipts: all.findLast((rules) => rules.receipts !== undefined)?.receipts ?? OPEN_POLICY.uploads.receipts,
    partialTtlHours: lifetimes.length === 0 ? OPEN_POLICY.uploads.partialTtlHours : Math.min(...lifetimes),
  };
}

function firstRule(
  levels: readonly CompiledLevel[],
  textOf: (level: CompiledLevel) => string | null,
): DecidingRule | null {
  for (const level of levels) {
    const text = textOf(level);
    if (text !== null) return ruleOf(level, text);
  }
  return null;
}

function ruleOf({ level }: CompiledLevel, rule: string): DecidingRule {
  return { source: level.source, policyId: level.policyId, rule };
}
