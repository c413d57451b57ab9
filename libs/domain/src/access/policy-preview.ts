import { childOf, parsePath, ROOT, type VirtualPath } from '../paths/virtual-path.js';
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
  const old: AccessSubject = { ...subject, policy: mergePolicies(before) };
  const changed: AccessSubject = { ...subject, policy: mergePolicies(after) };
  const changes = settingChanges(old, changed);
  const levels = [...before, ...after];
  for (const request of requestsFor(levels, [old, changed], nowMs)) {
    if (changes.length >= limit) break;
    const was = decide(old, request);
    const becomes = decide(changed, request);
    if (was.allowed !== becomes.allowed) changes.push({ what: 'access', request, before: was, after: becomes });
  }
  return changes.slice(0, limit);
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

function* requestsFor(
  levels: readonly PolicyLevel[],
  subjects: readonly AccessSubject[],
  nowMs: number,
): Generator<AccessRequest> {
  const addresses = addressesFor(levels);
  for (const address of addresses) {
    for (const tls of [true, false]) yield { operation: 'login', address, tls, atMs: nowMs };
  }
  // A refused login hides every other answer: look at the files from where it is let in.
  const visits = instantsFor(subjects, nowMs).flatMap((atMs) =>
    addresses.flatMap((address) => [true, false].map((tls) => ({ address, tls, atMs }))),
  );
  const isIn = (visit: (typeof visits)[number]) =>
    subjects.every((each) => decide(each, { operation: 'login', ...visit }).allowed);
  const within = visits.find(isIn);
  for (const visit of visits) yield { operation: 'login', ...visit };
  if (within === undefined) return;
  for (const path of pathsFor(levels, subjects)) {
    for (const operation of PERMISSIONS) yield { operation, path, ...within };
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

function pathsFor(levels: readonly PolicyLevel[], subjects: readonly AccessSubject[]): Set<VirtualPath> {
  const folders = new Set<VirtualPath>([ROOT, ...subjects[0]!.mounts.map(({ path }) => path)]);
  for (const { rules } of levels) for (const rule of rules.paths ?? []) folders.add(samplePath(rule));
  const names = new Set(['sample']);
  for (const { rules } of levels) {
    for (const list of [rules.names?.allow, rules.names?.deny, rules.names?.hide]) {
      for (const pattern of list ?? []) names.add(sampleName(pattern));
    }
  }
  const paths = new Set(folders);
  for (const folder of folders) for (const name of names) paths.add(childOf(folder, name));
  return paths;
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
