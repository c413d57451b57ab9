import { compileSegment, MAX_GLOB_LENGTH, type SegmentGlob, segmentGlobFault } from './glob.js';
import { ALL_PERMISSIONS, type Permission, type PermissionMask, maskOf, permissionsOf } from './permission.js';
import type { PathRule } from './policy-rules.js';

/** Most path rules in one policy. */
export const MAX_PATH_RULES = 100;

const ACROSS = '**';

/**
 * A compiled path pattern. `*`, `?` and `[…]` stay within a segment, `**` stands for any number of segments. A pattern
 * whose last segment is a plain name covers what it names and everything below it, so `/public` and `/public/**` are
 * the same pattern, and `/` is everything; `/public/*` is only what lies directly in the folder. Case-sensitive, as
 * the file system is; both sides are compared in Unicode NFC.
 */
export interface PathPattern {
  readonly text: string;
  /** Greater is more specific; equal means that neither is. See {@link specificityOf}. */
  readonly specificity: number;
  /** Whether whatever lies below a match is a match too. */
  readonly subtree: boolean;
  matches(segments: readonly string[]): boolean;
  /** Whether the pattern could match some path strictly below this one. */
  mayMatchBelow(segments: readonly string[]): boolean;
}

/** Segments of a path in the form that patterns compare. */
export function segmentsOf(path: string): string[] {
  return path
    .normalize('NFC')
    .split('/')
    .filter((segment) => segment !== '');
}

/** What is wrong with a path pattern, or null. */
export function pathPatternFault(pattern: string): string | null {
  if (!pattern.startsWith('/')) return 'must start with "/"';
  if (pattern.length > MAX_GLOB_LENGTH) return `must have at most ${MAX_GLOB_LENGTH} characters`;
  const segments = pattern.replace(/\/$/, '').split('/').slice(1);
  for (const segment of segments) {
    if (segment === '') return 'must not have an empty segment ("//")';
    if (segment === '.' || segment === '..') return 'must not have "." or ".." segments';
    const fault = segment === ACROSS ? null : segmentGlobFault(segment);
    if (fault !== null) return fault;
  }
  return null;
}

/** Compile a pattern that {@link pathPatternFault} has nothing against; throws where it has. */
export function compilePattern(text: string): PathPattern {
  const fault = pathPatternFault(text);
  if (fault !== null) throw new Error(`The path ${JSON.stringify(text)} ${fault}`);
  const names = segmentsOf(text);
  const endsAcross = names.at(-1) === ACROSS;
  while (names.at(-1) === ACROSS) names.pop();
  const tokens: (SegmentGlob | typeof ACROSS)[] = names.map((name) =>
    name === ACROSS ? ACROSS : compileSegment(name),
  );
  const last = tokens.at(-1);
  const subtree = endsAcross || last === undefined || (last !== ACROSS && last.literal);
  const specificity = specificityOf(tokens, subtree);
  if (subtree) tokens.push(ACROSS);
  return {
    text,
    specificity,
    subtree,
    matches: (segments) => matchPath(tokens, segments),
    mayMatchBelow: (segments) => canGoOn(tokens, segments),
  };
}

/**
 * The order of patterns, as one number: first the plain segments before the first wildcard (`/a/b/**` beats `/a/**`),
 * then the segments that are not `**` (`/a/*` beats `/a/**`), then the characters spelled out (`/a/*.php` beats
 * `/a/*`), and last a pattern without the subtree beats the same one with it.
 */
function specificityOf(tokens: readonly (SegmentGlob | typeof ACROSS)[], subtree: boolean): number {
  const firstWildcard = tokens.findIndex((token) => token === ACROSS || !token.literal);
  const leading = firstWildcard < 0 ? tokens.length : firstWildcard;
  const named = tokens.filter((token) => token !== ACROSS);
  const characters = named.reduce((sum, token) => sum + token.literalLength, 0);
  return ((leading * 1024 + named.length) * 1024 + characters) * 2 + (subtree ? 0 : 1);
}

/** The two-pointer match of glob.ts, with segments for characters and `**` for the star. */
function matchPath(tokens: readonly (SegmentGlob | typeof ACROSS)[], segments: readonly string[]): boolean {
  let at = 0;
  let token = 0;
  let acrossToken = -1;
  let acrossAt = 0;
  while (at < segments.length) {
    const current = tokens[token];
    if (current === ACROSS) {
      acrossToken = token++;
      acrossAt = at;
      if (token === tokens.length) return true;
    } else if (current !== undefined && current.matches(segments[at]!)) {
      token++;
      at++;
    } else if (acrossToken >= 0) {
      at = ++acrossAt;
      token = acrossToken + 1;
    } else return false;
  }
  while (tokens[token] === ACROSS) token++;
  return token === tokens.length;
}

/** Consume all segments, keeping every position the pattern may be at; some token left means that more can match. */
function canGoOn(tokens: readonly (SegmentGlob | typeof ACROSS)[], segments: readonly string[]): boolean {
  let positions = skipAcross(tokens, new Set([0]));
  for (const segment of segments) {
    const next = new Set<number>();
    for (const position of positions) {
      const token = tokens[position];
      if (token === ACROSS) next.add(position);
      else if (token !== undefined && token.matches(segment)) next.add(position + 1);
    }
    if (next.size === 0) return false;
    positions = skipAcross(tokens, next);
  }
  for (const position of positions) if (position < tokens.length) return true;
  return false;
}

function skipAcross(tokens: readonly unknown[], positions: Set<number>): Set<number> {
  // A Set visits what is added while it is walked.
  for (const position of positions) if (tokens[position] === ACROSS) positions.add(position + 1);
  return positions;
}

interface CompiledRule {
  readonly pattern: PathPattern;
  readonly allow: PermissionMask;
  readonly deny: PermissionMask;
}

/** The path rules of one policy, most specific first. */
export interface PathRules {
  permittedAt(segments: readonly string[]): PermissionMask;
  /** The rule that decides a permission at a path, as text; null where the policy says nothing about it. */
  explain(permission: Permission, segments: readonly string[]): string | null;
  /**
   * A rule that may refuse the permission somewhere strictly below the path, as text; null where none can. Whoever
   * moves a whole folder asks this, or the move would carry files out of (or into) the reach of a rule.
   */
  explainBelow(permission: Permission, segments: readonly string[]): string | null;
}

/**
 * Compile the path rules of one policy. For each permission the most specific matching rule that mentions it decides;
 * at equal specificity, and within one rule, deny wins. An `allow` gives back what an equally or less specific rule of
 * the same policy denies. An `allow` with nothing to give back is a complete list, like the allow lists of names and
 * addresses: what no matching rule mentions is then refused there. Where no rule speaks, the policy permits.
 */
export function compilePathRules(rules: readonly PathRule[]): PathRules {
  const compiled: CompiledRule[] = rules
    .map((rule) => ({
      pattern: compilePattern(rule.path),
      allow: maskOf(rule.allow ?? []),
      deny: maskOf(rule.deny ?? []),
    }))
    .toSorted((a, b) => b.pattern.specificity - a.pattern.specificity);
  const at = (segments: readonly string[]) => compiled.filter((rule) => rule.pattern.matches(segments));
  return {
    permittedAt: (segments) => permitted(at(segments)),
    explain: (permission, segments) => explain(at(segments), permission),
    explainBelow: (permission, segments) => explainBelow(compiled, permission, segments),
  };
}

function permitted(matched: readonly CompiledRule[]): PermissionMask {
  if (matched.length === 0) return ALL_PERMISSIONS;
  let mentioned = 0;
  let allowed = 0;
  for (let i = 0; i < matched.length;) {
    const { specificity } = matched[i]!.pattern;
    let allow = 0;
    let deny = 0;
    for (; i < matched.length && matched[i]!.pattern.specificity === specificity; i++) {
      allow |= matched[i]!.allow;
      deny |= matched[i]!.deny;
    }
    allowed |= allow & ~deny & ~mentioned;
    mentioned |= allow | deny;
  }
  return completeList(matched) === null ? (allowed | ~mentioned) & ALL_PERMISSIONS : allowed;
}

/** The least specific of the matching rules whose `allow` has nothing to give back; null where every one has. */
function completeList(matched: readonly CompiledRule[]): CompiledRule | null {
  let denied = 0;
  for (let i = matched.length - 1; i >= 0;) {
    const { specificity } = matched[i]!.pattern;
    const last = i;
    for (; i >= 0 && matched[i]!.pattern.specificity === specificity; i--) denied |= matched[i]!.deny;
    for (let j = last; j > i; j--) if ((matched[j]!.allow & ~denied) !== 0) return matched[j]!;
  }
  return null;
}

function explain(matched: readonly CompiledRule[], permission: Permission): string | null {
  const bit = maskOf([permission]);
  const deciding = matched.find((rule) => ((rule.allow | rule.deny) & bit) !== 0);
  if (deciding !== undefined) {
    const { specificity } = deciding.pattern;
    const denial = matched.find((rule) => rule.pattern.specificity === specificity && (rule.deny & bit) !== 0);
    return denial === undefined
      ? `allow ${permission} at ${deciding.pattern.text}`
      : `deny ${permission} at ${denial.pattern.text}`;
  }
  const list = completeList(matched);
  return list === null ? null : `allow only ${permissionsOf(list.allow).join(', ')} at ${list.pattern.text}`;
}

function explainBelow(
  rules: readonly CompiledRule[],
  permission: Permission,
  segments: readonly string[],
): string | null {
  const bit = maskOf([permission]);
  const covering = rules.filter((rule) => rule.pattern.subtree && rule.pattern.matches(segments));
  const mention = covering.find((rule) => ((rule.allow | rule.deny) & bit) !== 0);
  for (const rule of rules) {
    if (!rule.pattern.mayMatchBelow(segments)) continue;
    const beaten = mention !== undefined && mention.pattern.specificity > rule.pattern.specificity;
    if ((rule.deny & bit) !== 0 && !beaten) return `deny ${permission} at ${rule.pattern.text}`;
    if (mention === undefined && (rule.allow & bit) === 0 && (rule.allow & ~deniedUpTo(covering, rule)) !== 0) {
      return `allow only ${permissionsOf(rule.allow).join(', ')} at ${rule.pattern.text}`;
    }
  }
  return null;
}

function deniedUpTo(rules: readonly CompiledRule[], limit: CompiledRule): PermissionMask {
  let denied = limit.deny;
  for (const rule of rules) if (rule.pattern.specificity <= limit.pattern.specificity) denied |= rule.deny;
  return denied;
}
