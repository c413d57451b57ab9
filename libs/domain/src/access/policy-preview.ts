import { childOf, parsePath, ROOT, type VirtualPath } from '../paths/virtual-path.js';
import type { Visit } from './access-policy.js';
import { parseBlock } from './address-rules.js';
import { type AccessDecision, type AccessRequest, type AccessSubject, decide } from './decide.js';
import { mergePolicies, type PolicyLevel } from './merge-policies.js';
import { PERMISSIONS } from './permission.js';
import { CAPS, type Caps, type PathRule } from './policy-rules.js';

/** One answer that a change of policy turns. */
export type PolicyChange =
  | {
      readonly what: 'access';
      readonly request: AccessRequest;
      readonly before: AccessDecision;
      readonly after: AccessDecision;
    }
  | { readonly what: 'cap'; readonly cap: keyof Caps; readonly before: number | null; readonly after: number | null }
  | { readonly what: 'uploads' | 'sessionReuse'; readonly before: string; readonly after: string };

/** Instants looked at: now, and each turn of the hours of access within the next week, up to this many. */
const MAX_INSTANTS = 40;
const WEEK_MS = 7 * 86_400_000;

/**
 * What would change for one account if other policies applied to it. Requests cannot all be tried; these are made from
 * the rules themselves, so that each rule of either side meets requests that it decides: a name for every pattern, both
 * ends of every address block and their neighbours, every turn of the clock. At most `limit` changes are returned.
 */
export function previewPolicies(
  subject: Omit<AccessSubject, 'policy'>,
  before: readonly PolicyLevel[],
  after: readonly PolicyLevel[],
  nowMs: number,
  limit = 20,
): PolicyChange[] {
  const changes: PolicyChange[] = [];
  for (const change of policyChanges(subject, before, after, nowMs)) {
    if (changes.length >= limit) break;
    if (change !== null) changes.push(change);
  }
  return changes;
}

/**
 * The same step by step, for policies whose rules make hundreds of thousands of requests: null stands for one that turns
 * nothing, so that a caller can pause or give up between any two of them.
 */
export function* policyChanges(
  subject: Omit<AccessSubject, 'policy'>,
  before: readonly PolicyLevel[],
  after: readonly PolicyLevel[],
  nowMs: number,
): Generator<PolicyChange | null, void> {
  const old: AccessSubject = { ...subject, policy: mergePolicies(before) };
  const changed: AccessSubject = { ...subject, policy: mergePolicies(after) };
  yield* settingChanges(old, changed);
  const levels = [...before, ...after];
  // A refused login hides every other answer: look at the files from where it is let in.
  let within: Visit | null = null;
  for (const visit of visitsFor(levels, [old, changed], nowMs)) {
    const compared = compare(old, changed, { operation: 'login', ...visit });
    if (compared.before.allowed && compared.after.allowed) within ??= visit;
    yield turned(compared);
  }
  if (within === null) return;
  for (const path of pathsFor(levels, [old, changed])) {
    for (const operation of PERMISSIONS) yield turned(compare(old, changed, { operation, path, ...within }));
  }
}

type AccessChange = Extract<PolicyChange, { readonly what: 'access' }>;

function compare(old: AccessSubject, changed: AccessSubject, request: AccessRequest): AccessChange {
  return { what: 'access', request, before: decide(old, request), after: decide(changed, request) };
}

function turned(change: AccessChange): AccessChange | null {
  return change.before.allowed === change.after.allowed ? null : change;
}

function settingChanges(old: AccessSubject, changed: AccessSubject): PolicyChange[] {
  const changes: PolicyChange[] = [];
  for (const cap of CAPS) {
    const [before, after] = [old.policy.caps[cap] ?? null, changed.policy.caps[cap] ?? null];
    if (before !== after) changes.push({ what: 'cap', cap, before, after });
  }
  const texts = [old, changed].map(
    ({ policy }) => [JSON.stringify(policy.uploads), policy.protocols.sessionReuse] as const,
  );
  for (const [index, what] of (['uploads', 'sessionReuse'] as const).entries()) {
    const [before, after] = [texts[0]![index]!, texts[1]![index]!];
    if (before !== after) changes.push({ what, before, after });
  }
  return changes;
}

/** Every address at every instant, with and without TLS; now comes first. */
function* visitsFor(
  levels: readonly PolicyLevel[],
  subjects: readonly AccessSubject[],
  nowMs: number,
): Generator<Visit> {
  const addresses = addressesFor(levels);
  for (const atMs of instantsFor(subjects, nowMs)) {
    for (const address of addresses) {
      for (const tls of [true, false]) yield { address, tls, atMs };
    }
  }
}

function instantsFor(subjects: readonly AccessSubject[], nowMs: number): number[] {
  const instants = new Set([nowMs]);
  for (const { policy } of subjects) {
    let at = policy.nextChange(nowMs);
    while (at !== null && at < nowMs + WEEK_MS && instants.size < MAX_INSTANTS) {
      instants.add(at);
      at = policy.nextChange(at);
    }
  }
  return [...instants];
}

function addressesFor(levels: readonly PolicyLevel[]): string[] {
  const addresses = new Set(['192.0.2.1', '2001:db8::1']);
  for (const { rules } of levels) {
    for (const text of [...(rules.addresses?.allow ?? []), ...(rules.addresses?.deny ?? [])].slice(0, 50)) {
      const block = parseBlock(text);
      if (block === null) continue;
      const top = block.family === 4 ? 2n ** 32n - 1n : 2n ** 128n - 1n;
      for (const value of [block.first, block.last, block.first - 1n, block.last + 1n]) {
        if (value >= 0n && value <= top) addresses.add(formatAddress(block.family, value));
      }
    }
  }
  return [...addresses];
}

function formatAddress(family: 4 | 6, value: bigint): string {
  const [groups, bits] = family === 4 ? [4, 8n] : [8, 16n];
  const parts = Array.from(
    { length: groups },
    (_, index) => (value >> (bits * BigInt(groups - 1 - index))) & ((1n << bits) - 1n),
  );
  return parts.map((part) => part.toString(family === 4 ? 10 : 16)).join(family === 4 ? '.' : ':');
}

/** Every folder that a rule or a mount names, and every name in it that a rule names. */
function* pathsFor(levels: readonly PolicyLevel[], subjects: readonly AccessSubject[]): Generator<VirtualPath> {
  const folders = new Set<VirtualPath>([ROOT, ...subjects[0]!.mounts.map(({ path }) => path)]);
  for (const { rules } of levels) for (const rule of rules.paths ?? []) folders.add(samplePath(rule));
  const names = new Set(['sample']);
  for (const { rules } of levels) {
    for (const list of [rules.names?.allow, rules.names?.deny, rules.names?.hide]) {
      for (const pattern of list ?? []) names.add(sampleName(pattern));
    }
  }
  yield* folders;
  for (const folder of folders) {
    for (const name of names) {
      const path = childOf(folder, name);
      if (!folders.has(path)) yield path;
    }
  }
}

function samplePath(rule: PathRule): VirtualPath {
  return parsePath(
    rule.path
      .split('/')
      .map((name) => (name === '**' ? 'sample' : sampleName(name)))
      .join('/'),
  );
}

/** A name that a pattern matches, as long as its classes name their members. */
function sampleName(pattern: string): string {
  return pattern
    .replaceAll(/\*+/g, 'sample')
    .replaceAll('?', 'x')
    .replaceAll(/\[[!^][^\]]*\]/g, '_')
    .replaceAll(/\[(.)[^\]]*\]/g, '$1');
}
