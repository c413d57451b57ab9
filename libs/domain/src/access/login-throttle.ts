/**
 * Brute-force defence as pure arithmetic; the state lives where all nodes see it. Two scores count failures: one per
 * (account, source) and one per source, where a source is `sourceOf(address)`. There is none per account, so that
 * strangers cannot lock anybody out (RFC 2577 §5).
 */
export interface ThrottleSettings {
  /** Score at which a pair of account and source is banned; below it, failures cost a delay. */
  readonly pairLimit: number;
  /** Score at which a source is banned for every account. */
  readonly sourceLimit: number;
  /** A source from which the account has logged in during `knownGoodMs` gets limits this many times as high. */
  readonly knownGoodFactor: number;
  readonly knownGoodMs: number;
  /** After this long, half of a score is forgotten. */
  readonly halfLifeMs: number;
  /** Delay of the reply to the first failure; doubles with each further one up to `maxDelayMs`. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** First ban; doubles with each further one up to `maxBanMs`. */
  readonly baseBanMs: number;
  readonly maxBanMs: number;
  /** After this long without a ban, the next one is a first ban again. */
  readonly forgiveBansMs: number;
}

export const THROTTLE_DEFAULTS: ThrottleSettings = {
  pairLimit: 10,
  sourceLimit: 40,
  knownGoodFactor: 4,
  knownGoodMs: 30 * 86_400_000,
  halfLifeMs: 10 * 60_000,
  baseDelayMs: 500,
  maxDelayMs: 8_000,
  baseBanMs: 15 * 60_000,
  maxBanMs: 24 * 3_600_000,
  forgiveBansMs: 7 * 86_400_000,
};

/** What is remembered of one key. */
export interface ThrottleScore {
  /** Failures, fading; as of `atMs`. */
  readonly score: number;
  readonly atMs: number;
  /** How many bans in a row; decides how long the next one lasts. */
  readonly bans: number;
  readonly bannedUntilMs: number | null;
  readonly bannedAtMs: number | null;
}

export const NO_SCORE: ThrottleScore = { score: 0, atMs: 0, bans: 0, bannedUntilMs: null, bannedAtMs: null };

/** What is known when somebody tries to log in. */
export interface ThrottleState {
  /** Score of (account, source); {@link NO_SCORE} where none is kept. */
  readonly pair: ThrottleScore;
  readonly source: ThrottleScore;
  /** Last good login of this account from this source; null where none is known. */
  readonly lastGoodMs: number | null;
  /** Whether the address is on the operator's allow list: never delayed, never banned. */
  readonly allowListed: boolean;
}

/**
 * How an attempt ended. A right password that the policy, a session limit or a status refuses is no attack and counts
 * nothing; a decoy account exists only to be attacked, so one attempt bans its source.
 */
export type FailureKind = 'wrong-password' | 'unknown-account' | 'decoy' | 'refused-after-password';

const WEIGHT: Record<FailureKind, number> = {
  'wrong-password': 1,
  'unknown-account': 2,
  decoy: Number.POSITIVE_INFINITY,
  'refused-after-password': 0,
};

export type ThrottleVerdict =
  { readonly admitted: true } | { readonly admitted: false; readonly by: 'pair' | 'source'; readonly untilMs: number };

/** Whether a password is looked at. Before the hash, so that a flood costs nothing. */
export function admitAttempt(state: ThrottleState, nowMs: number, settings = THROTTLE_DEFAULTS): ThrottleVerdict {
  if (state.allowListed) return { admitted: true };
  for (const by of ['pair', 'source'] as const) {
    const { bannedUntilMs } = state[by];
    if (bannedUntilMs === null || bannedUntilMs <= nowMs) continue;
    // Others behind the same address may have earned its ban: whom it served well before gets more room.
    const excused =
      by === 'source' &&
      isKnownGood(state, nowMs, settings) &&
      fadedScore(state.source, nowMs, settings) < settings.sourceLimit * settings.knownGoodFactor;
    if (!excused) return { admitted: false, by, untilMs: bannedUntilMs };
  }
  return { admitted: true };
}

/** A ban that an attempt has earned. */
export interface NewBan {
  readonly by: 'pair' | 'source';
  readonly untilMs: number;
  readonly reason: FailureKind;
}

export interface FailureOutcome {
  readonly pair: ThrottleScore;
  readonly source: ThrottleScore;
  /** How long to hold back the reply. */
  readonly delayMs: number;
  readonly bans: readonly NewBan[];
}

/** Count a failed attempt. The scores that come back are to be stored, the bans to be announced. */
export function countFailure(
  state: ThrottleState,
  kind: FailureKind,
  nowMs: number,
  settings = THROTTLE_DEFAULTS,
): FailureOutcome {
  const weight = WEIGHT[kind];
  if (weight === 0 || state.allowListed) {
    // Nothing counts, but a refusal of a right password takes the time of one of a wrong password.
    const delayMs = state.allowListed ? 0 : delayOf(fadedScore(state.pair, nowMs, settings) + 1, settings);
    return { pair: state.pair, source: state.source, delayMs, bans: [] };
  }
  const room = isKnownGood(state, nowMs, settings) ? settings.knownGoodFactor : 1;
  // Every failure weighs the same at the pair: its delays and its ban must not tell whether the account exists.
  const pair = scoreAfter(
    state.pair,
    kind === 'decoy' ? settings.pairLimit * room : 1,
    settings.pairLimit * room,
    nowMs,
    settings,
  );
  // A decoy proves intent: a score that stays past the known-good limit for two half-lives, so that no history excuses it.
  const sourceWeight = kind === 'decoy' ? settings.sourceLimit * settings.knownGoodFactor * 4 : weight;
  const source = scoreAfter(state.source, sourceWeight, settings.sourceLimit, nowMs, settings);
  const bans: NewBan[] = [];
  for (const [by, before, after] of [
    ['pair', state.pair, pair],
    ['source', state.source, source],
  ] as const) {
    if (after.bannedUntilMs !== null && after.bannedUntilMs !== before.bannedUntilMs)
      bans.push({ by, untilMs: after.bannedUntilMs, reason: kind });
  }
  return { pair, source, delayMs: delayOf(pair.score, settings), bans };
}

/**
 * A right password clears the pair. The source keeps its score: an attacker who owns one account must not be able to
 * wash off what he tries on others.
 */
export function countSuccess(
  state: ThrottleState,
  nowMs: number,
): Pick<ThrottleState, 'pair' | 'source' | 'lastGoodMs'> {
  return { pair: NO_SCORE, source: state.source, lastGoodMs: nowMs };
}

/** An admin's unban: the score starts over, so that the next failure does not ban again. */
export function unbanned(): ThrottleScore {
  return NO_SCORE;
}

/** A score as it stands now, after fading. */
export function fadedScore(score: ThrottleScore, nowMs: number, settings = THROTTLE_DEFAULTS): number {
  return score.score * 2 ** (-Math.max(0, nowMs - score.atMs) / settings.halfLifeMs);
}

/** When a stored score has become as good as none and may be dropped. */
export function forgettableAt(score: ThrottleScore, settings = THROTTLE_DEFAULTS): number {
  const faded = score.atMs + settings.halfLifeMs * Math.max(0, Math.log2(Math.max(score.score, 0.1) / 0.1));
  const forgiven =
    score.bannedAtMs === null ? 0 : Math.max(score.bannedAtMs + settings.forgiveBansMs, score.bannedUntilMs ?? 0);
  return Math.ceil(Math.max(faded, forgiven));
}

function isKnownGood(state: ThrottleState, nowMs: number, settings: ThrottleSettings): boolean {
  return state.lastGoodMs !== null && nowMs - state.lastGoodMs <= settings.knownGoodMs;
}

function scoreAfter(
  before: ThrottleScore,
  weight: number,
  limit: number,
  nowMs: number,
  settings: ThrottleSettings,
): ThrottleScore {
  const score = fadedScore(before, nowMs, settings) + weight;
  const stillBanned = before.bannedUntilMs !== null && before.bannedUntilMs > nowMs;
  if (score < limit || stillBanned) return { ...before, score, atMs: nowMs };
  const forgiven = before.bannedAtMs === null || nowMs - before.bannedAtMs > settings.forgiveBansMs;
  const bans = forgiven ? 1 : before.bans + 1;
  const lengthMs = Math.min(settings.maxBanMs, settings.baseBanMs * 2 ** (bans - 1));
  return { score, atMs: nowMs, bans, bannedAtMs: nowMs, bannedUntilMs: nowMs + lengthMs };
}

function delayOf(score: number, settings: ThrottleSettings): number {
  return Math.round(Math.min(settings.maxDelayMs, settings.baseDelayMs * 2 ** Math.max(0, Math.min(score - 1, 30))));
}
