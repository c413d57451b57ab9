/** Longest pattern in characters: bounds what one match can cost (name length × pattern length, never more). */
export const MAX_GLOB_LENGTH = 512;

/** Longest segment with wildcards: a tenant's patterns are matched in a process that serves others too. */
export const MAX_WILDCARD_LENGTH = 64;

/** A compiled pattern for one path segment. */
export interface SegmentGlob {
  /** Whether the pattern has no wildcard. */
  readonly literal: boolean;
  /** Characters that the pattern spells out; more of them make it more specific. */
  readonly literalLength: number;
  matches(segment: string): boolean;
}

interface CharacterClass {
  readonly negated: boolean;
  /** Inclusive code point ranges. */
  readonly ranges: readonly (readonly [number, number])[];
}

type Token = number | CharacterClass;

const STAR = -1;
const ANY = -2;

/**
 * What is wrong with a pattern of one segment, or null. `*` any run of characters, `?` one character, `[a-z]` and
 * `[!a-z]` one of (or none of) a class. There is no escape character, since `\` is an ordinary character of names:
 * a class of one (`[*]`) spells a wildcard out.
 */
export function segmentGlobFault(pattern: string): string | null {
  if (pattern === '') return 'must not be empty';
  if (pattern.length > MAX_GLOB_LENGTH) return `must have at most ${MAX_GLOB_LENGTH} characters`;
  if (pattern.length > MAX_WILDCARD_LENGTH && /[*?[]/.test(pattern)) {
    return `has wildcards in a name of more than ${MAX_WILDCARD_LENGTH} characters`;
  }
  // oxlint-disable-next-line no-control-regex -- names cannot contain these, so the pattern could never match
  if (/[\u0000\r\n/]/.test(pattern)) return 'must be one file name: no "/", NUL, CR or LF';
  let index = 0;
  while (index < pattern.length) {
    const character = pattern[index]!;
    if (character === '{')
      return 'has braces, which are not expanded: write one pattern for each case, or [{] for a brace';
    if (character === '\\') return 'has a backslash, which escapes nothing: write [*] for a star, [\\] for a backslash';
    if (character === '[') {
      const end = classEnd(pattern, index);
      if (end < 0) return 'has a "[" without its "]": write [[] for the character itself';
      index = end;
    }
    index++;
  }
  return null;
}

/** Compile a pattern of one segment; text and pattern are compared as given, so callers normalise both alike. */
export function compileSegment(pattern: string): SegmentGlob {
  const fault = segmentGlobFault(pattern);
  if (fault !== null) throw new Error(`The pattern ${JSON.stringify(pattern)} ${fault}`);
  const tokens = tokensOf(pattern);
  const literalLength = tokens.filter((token) => typeof token === 'number' && token >= 0).length;
  if (literalLength === tokens.length) {
    return { literal: true, literalLength, matches: (segment) => segment === pattern };
  }
  return { literal: false, literalLength, matches: wildcardMatcher(tokens) };
}

function wildcardMatcher(tokens: readonly Token[]): (segment: string) => boolean {
  if (tokens.length === 1 && tokens[0] === STAR) return () => true;
  const rest = tokens.slice(1);
  if (tokens[0] === STAR && rest.every((token) => typeof token === 'number' && token >= 0)) {
    const suffix = String.fromCodePoint(...(rest as number[]));
    return (segment) => segment.endsWith(suffix);
  }
  return (segment) => matchTokens(tokens, segment);
}

/**
 * Two pointers, and only the last star is ever reconsidered: any run that an earlier star could take, the last one can
 * take as well. At most |segment| × |tokens| steps, so no pattern can stall a worker.
 */
function matchTokens(tokens: readonly Token[], segment: string): boolean {
  let at = 0;
  let token = 0;
  let starToken = -1;
  let starAt = 0;
  while (at < segment.length) {
    const point = segment.codePointAt(at)!;
    const current = tokens[token];
    if (current === STAR) {
      starToken = token++;
      starAt = at;
    } else if (current !== undefined && matchesOne(current, point)) {
      token++;
      at += width(point);
    } else if (starToken >= 0) {
      starAt += width(segment.codePointAt(starAt)!);
      at = starAt;
      token = starToken + 1;
    } else return false;
  }
  while (tokens[token] === STAR) token++;
  return token === tokens.length;
}

function matchesOne(token: Token, point: number): boolean {
  if (typeof token === 'number') return token === ANY || token === point;
  return token.ranges.some(([from, to]) => point >= from && point <= to) !== token.negated;
}

function width(point: number): 1 | 2 {
  return point > 0xffff ? 2 : 1;
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  let index = 0;
  while (index < pattern.length) {
    const point = pattern.codePointAt(index)!;
    const character = String.fromCodePoint(point);
    if (character === '*') {
      if (tokens.at(-1) !== STAR) tokens.push(STAR);
    } else if (character === '?') tokens.push(ANY);
    else if (character === '[') {
      const end = classEnd(pattern, index);
      tokens.push(classOf(pattern.slice(index + 1, end)));
      index = end;
    } else tokens.push(point);
    index += width(point);
  }
  return tokens;
}

/** Index of the `]` that closes the class opened at `start`; a `]` in first place is a member. */
function classEnd(pattern: string, start: number): number {
  let first = start + 1;
  if (pattern[first] === '!' || pattern[first] === '^') first++;
  return pattern.indexOf(']', first + 1);
}

function classOf(body: string): CharacterClass {
  const negated = body.startsWith('!') || body.startsWith('^');
  const members = Array.from(negated ? body.slice(1) : body).map((member) => member.codePointAt(0)!);
  const ranges: [number, number][] = [];
  for (let i = 0; i < members.length; i++) {
    const from = members[i]!;
    const isRange = members[i + 1] === 0x2d && i + 2 < members.length;
    ranges.push([from, isRange ? members[i + 2]! : from]);
    if (isRange) i += 2;
  }
  return { negated, ranges };
}
