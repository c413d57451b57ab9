import type { LoginThrottleRepository, ScoreKey, StoredScore } from '@quayside/database';
import {
  admitAttempt,
  compileAddressRules,
  countFailure,
  DomainError,
  fadedScore,
  type FailureKind,
  NO_SCORE,
  parseAddress,
  sourceOf,
  type ThrottleScore,
  type ThrottleState,
} from '@quayside/domain';
import type { Log } from '@quayside/ftp-engine';

/** What all workers know together; LoginThrottleRepository has it. */
export type SharedScores = Pick<LoginThrottleRepository, 'change' | 'knownGood' | 'succeeded' | 'bans'>;

export interface LoginThrottleOptions {
  readonly shared: SharedScores;
  readonly log: Log;
  /** CIDR blocks and addresses that are never delayed and never banned. */
  readonly allow?: readonly string[];
  readonly nowMs?: () => number;
}

/** Pairs and sources remembered per worker; beyond it the one that failed least recently is forgotten. */
const MAX_SCORES = 50_000;
const MAX_BANS = 20_000;
/** How long a first change waits for company: an attack becomes a few transactions a second. */
const LINGER_MS = 100;
/** Failures that one transaction counts. */
const BATCH = 500;
/** Failures that may wait for the database; beyond it they count in this worker only. */
const MAX_WAITING = 10_000;
/** A source stays known as good for weeks: writing it down once a day is enough. */
const GOOD_AGAIN_MS = 24 * 3_600_000;

interface Failure {
  readonly login: string;
  readonly source: string;
  readonly kind: FailureKind;
}

/**
 * Brute-force defence of all workers: the domain's scores in PostgreSQL, with a copy here that decides. A good login
 * costs no query: failures count here at once and are written behind, many at a time, and bans of other workers come by
 * notification. While the database is away, each worker defends itself.
 */
export class LoginThrottle {
  private readonly scores = new Map<string, ThrottleScore>();
  private readonly lastGood = new Map<string, number>();
  private readonly allowed: ((address: string) => boolean) | null;
  private readonly nowMs: () => number;
  private failures: Failure[] = [];
  private good = new Map<string, ScoreKey>();
  private cleared = new Map<string, ScoreKey>();
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> = Promise.resolve();
  private loading: Promise<void> | null = null;
  private loadAgain = false;
  /** Of the last attempt: a good login is asked about twice, and its key costs as much as both questions. */
  private last = { login: '', address: '', key: pairOf('', ''), text: '' };

  constructor(private readonly options: LoginThrottleOptions) {
    this.nowMs = options.nowMs ?? Date.now;
    const rules = compileAddressRules({ allow: options.allow ?? [] });
    this.allowed =
      (options.allow ?? []).length === 0 ? null : (address) => rules.refusal(parseAddress(address)) === null;
  }

  /** Throws `auth.throttled` where the source, or the source at this account, is banned. */
  async admit(login: string, address: string): Promise<void> {
    const state = this.state(login, address);
    const verdict = admitAttempt(state, this.nowMs());
    if (verdict.admitted) return;
    // Whoever has logged in well from a banned source gets more room: worth a question, which a good login never asks.
    if (verdict.by === 'source' && state.lastGoodMs === null && (await this.learnGood(login, address))) {
      if (admitAttempt(this.state(login, address), this.nowMs()).admitted) return;
    }
    throw new DomainError('auth.throttled');
  }

  /** Returns how long the reply is to be held back, ms. */
  failed(login: string, address: string, kind: FailureKind): number {
    const state = this.state(login, address);
    const outcome = countFailure(state, kind, this.nowMs());
    if (state.allowListed || outcome.pair === state.pair) return outcome.delayMs;
    const { key, text } = this.keyOf(login, address);
    this.remember(this.scores, text, outcome.pair);
    this.remember(this.scores, key.source, outcome.source);
    if (this.failures.length < MAX_WAITING) this.failures.push({ ...key, kind });
    this.schedule();
    return outcome.delayMs;
  }

  succeeded(login: string, address: string): void {
    const { key, text } = this.keyOf(login, address);
    const now = this.nowMs();
    if (this.scores.delete(text)) this.cleared.set(text, key);
    const known = this.lastGood.get(text);
    this.remember(this.lastGood, text, now);
    if (known === undefined || now - known > GOOD_AGAIN_MS) this.good.set(text, key);
    else this.lastGood.set(text, known);
    if (this.good.size > 0 || this.cleared.size > 0) this.schedule();
  }

  /** How long a refusal that counts nothing is held back, ms: as long as that of a wrong password. */
  holdMs(login: string, address: string): number {
    return countFailure(this.state(login, address), 'refused-after-password', this.nowMs()).delayMs;
  }

  /** Whether the source has failed lately, at whatever account. */
  hasFailed(address: string): boolean {
    const score = this.scores.get(sourceOf(address));
    return score !== undefined && fadedScore(score, this.nowMs()) >= 1;
  }

  /** Somebody was banned or unbanned somewhere; also after a gap in the notifications. */
  reload(): Promise<void> {
    this.loadAgain = true;
    this.loading ??= this.load().finally(() => (this.loading = null));
    return this.loading;
  }

  /** Writes what waits. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    await this.writing;
    await this.write().catch(() => undefined);
  }

  private async load(): Promise<void> {
    while (this.loadAgain) {
      this.loadAgain = false;
      try {
        const bans = await this.options.shared.bans(MAX_BANS);
        const held = new Set(bans.map(textOf));
        const waiting = new Set(this.failures.flatMap((failure) => [textOf(failure), failure.source]));
        for (const [key, { bannedUntilMs }] of this.scores) {
          const lifted = bannedUntilMs !== null && bannedUntilMs > this.nowMs() && !held.has(key) && !waiting.has(key);
          if (lifted && bans.length < MAX_BANS) this.scores.delete(key);
        }
        this.take(bans);
      } catch (error) {
        this.options.log.warn('the list of bans could not be read', { error: String(error) });
      }
    }
  }

  private take(scores: readonly StoredScore[]): void {
    for (const { score, ...key } of scores) this.remember(this.scores, textOf(key), score);
  }

  private async learnGood(login: string, address: string): Promise<boolean> {
    const { key, text } = this.keyOf(login, address);
    try {
      const at = (await this.options.shared.knownGood([key])).get(text);
      if (at !== undefined) this.remember(this.lastGood, text, at);
      return at !== undefined;
    } catch {
      return false;
    }
  }

  private state(login: string, address: string): ThrottleState {
    const { key, text } = this.keyOf(login, address);
    return {
      pair: this.scores.get(text) ?? NO_SCORE,
      source: this.scores.get(key.source) ?? NO_SCORE,
      lastGoodMs: this.lastGood.get(text) ?? null,
      allowListed: this.allowed?.(address) ?? false,
    };
  }

  private keyOf(login: string, address: string): { readonly key: ScoreKey; readonly text: string } {
    if (this.last.login !== login || this.last.address !== address) {
      const key = pairOf(login, address);
      this.last = { login, address, key, text: textOf(key) };
    }
    return this.last;
  }

  private schedule(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.writing = this.writing
        .then(() => this.write())
        .catch((error: unknown) => {
          this.options.log.warn('failed logins could not be shared with the other workers', { error: String(error) });
        });
    }, LINGER_MS);
    this.timer.unref();
  }

  private async write(): Promise<void> {
    const { shared } = this.options;
    const failures = this.failures.splice(0, BATCH);
    if (failures.length > 0) {
      const keys = new Map<string, ScoreKey>();
      for (const { login, source } of failures) {
        keys.set(textOf({ login, source }), { login, source });
        keys.set(source, { login: '', source });
      }
      this.take(await shared.change([...keys.values()], (now) => this.count(failures, keys, now)));
    }
    const [good, cleared] = [[...this.good.values()], [...this.cleared.values()]];
    this.good.clear();
    this.cleared.clear();
    if (good.length + cleared.length > 0) await shared.succeeded(good, cleared);
    if (this.failures.length > 0) this.schedule();
  }

  /** The failures of a batch, one after the other, over the scores that all workers share. */
  private count(
    failures: readonly Failure[],
    keys: ReadonlyMap<string, ScoreKey>,
    now: Parameters<Parameters<SharedScores['change']>[1]>[0],
  ): StoredScore[] {
    const scores = new Map<string, ThrottleScore>();
    const reasons = new Map<string, string>();
    for (const key of keys.values()) scores.set(textOf(key), now.score(key));
    for (const failure of failures) {
      const pair = textOf(failure);
      const state = {
        pair: scores.get(pair)!,
        source: scores.get(failure.source)!,
        lastGoodMs: now.lastGoodMs(failure),
        allowListed: false,
      };
      const outcome = countFailure(state, failure.kind, this.nowMs());
      scores.set(pair, outcome.pair);
      scores.set(failure.source, outcome.source);
      for (const { by, reason } of outcome.bans) reasons.set(by === 'pair' ? pair : failure.source, reason);
    }
    return [...keys].map(([text, key]) => ({ ...key, score: scores.get(text)!, reason: reasons.get(text) ?? null }));
  }

  private remember<V>(map: Map<string, V>, key: string, value: V): void {
    map.delete(key);
    if (map.size >= MAX_SCORES) map.delete(map.keys().next().value!);
    map.set(key, value);
  }
}

/** USER is the attacker's choice: what is kept of it is bounded. */
const LONGEST_LOGIN = 256;

function pairOf(login: string, address: string): ScoreKey {
  return { login: login.slice(0, LONGEST_LOGIN).toLowerCase().replaceAll('\0', ''), source: sourceOf(address) };
}

function textOf({ login, source }: ScoreKey): string {
  return login === '' ? source : `${login}\n${source}`;
}
