import { Inject, Injectable } from '@nestjs/common';
import { forgettableAt, NO_SCORE, type ThrottleScore, type ThrottleState } from '@quayside/domain';
import { Database, type Queryable, type Statement } from '../database.js';
import { inSqlTransaction } from '../transaction.js';

/** What a score is about: a source, or a login from a source. */
export interface ScoreKey {
  /** Lower case; empty for the source alone. */
  readonly login: string;
  readonly source: string;
}

export interface StoredScore extends ScoreKey {
  readonly score: ThrottleScore;
  readonly reason: string | null;
}

export interface BanRecord extends ScoreKey {
  readonly key: string;
  readonly kind: 'pair' | 'source';
  readonly bannedAt: Date;
  readonly bannedUntil: Date;
  readonly bans: number;
  readonly reason: string | null;
}

interface Row {
  readonly key: string;
  readonly login: string;
  readonly source: string;
  readonly score: number;
  readonly at: Date;
  readonly bans: number;
  readonly bannedAt: Date | null;
  readonly bannedUntil: Date | null;
  readonly reason: string | null;
}

/** What a change of scores decides by: the scores as they are, and since when each pair is known as good. */
export interface ScoresNow {
  score(key: ScoreKey): ThrottleScore;
  lastGoodMs(key: ScoreKey): number | null;
}

const COLUMNS = `key, login, source, score, at, bans, banned_at AS "bannedAt", banned_until AS "bannedUntil", reason`;
// Made first, so that there is a row to lock: of two workers that meet a new key, one waits for the other.
const MAKE: Statement = {
  name: 'login_score_make',
  text: `INSERT INTO login_score (key, kind, login, source, score, at, expires_at)
         SELECT key, CASE WHEN login = '' THEN 'source' ELSE 'pair' END, login, source, 0, 'epoch', now()
         FROM jsonb_to_recordset($1::jsonb) AS k (key text, login text, source text) ORDER BY key
         ON CONFLICT DO NOTHING`,
};
const LOCK: Statement = {
  name: 'login_score_lock',
  text: `SELECT ${COLUMNS} FROM login_score WHERE key = ANY ($1) ORDER BY key FOR UPDATE`,
};
const SCORES: Statement = { name: 'login_scores', text: `SELECT ${COLUMNS} FROM login_score WHERE key = ANY ($1)` };
const KNOWN_GOOD: Statement = {
  name: 'login_known_good',
  text: `SELECT g.login, g.source, g.at FROM login_known_good g
         JOIN jsonb_to_recordset($1::jsonb) AS k (login text, source text) ON g.login = k.login AND g.source = k.source`,
};
const STORE: Statement = {
  name: 'login_score_store',
  text: `UPDATE login_score s SET score = n.score, at = n.at, bans = n.bans, banned_at = n."bannedAt",
           banned_until = n."bannedUntil", reason = n.reason, expires_at = n."expiresAt"
         FROM jsonb_to_recordset($1::jsonb) AS n (key text, score float8, at timestamptz, bans int, "bannedAt" timestamptz,
           "bannedUntil" timestamptz, reason text, "expiresAt" timestamptz)
         WHERE s.key = n.key`,
};
const CLEAR: Statement = {
  name: 'login_score_clear',
  text: 'DELETE FROM login_score WHERE key = ANY ($1)',
};
const GOOD: Statement = {
  name: 'login_known_good_store',
  text: `INSERT INTO login_known_good (login, source, at)
         SELECT login, source, now() FROM jsonb_to_recordset($1::jsonb) AS k (login text, source text) ORDER BY 1, 2
         ON CONFLICT (login, source) DO UPDATE SET at = excluded.at`,
};
const BANS: Statement = {
  name: 'login_bans',
  text: `SELECT ${COLUMNS} FROM login_score WHERE banned_until > now() ORDER BY banned_until DESC LIMIT $1`,
};
const LIST: Statement = {
  name: 'login_bans_list',
  text: `SELECT kind, ${COLUMNS} FROM login_score
         WHERE banned_until > now() AND ($2::timestamptz IS NULL OR (banned_at, key) < ($2, $3))
           AND ($4::text IS NULL OR source = $4) AND ($5::text IS NULL OR login = $5)
         ORDER BY banned_at DESC, key DESC LIMIT $1`,
};
const BAN: Statement = {
  name: 'login_ban',
  text: `INSERT INTO login_score AS s (key, kind, login, source, score, at, bans, banned_at, banned_until, reason, expires_at)
         VALUES ($1::text, CASE WHEN $2::text = '' THEN 'source' ELSE 'pair' END, $2::text, $3::text, 0, now(), 1, now(), $4::timestamptz, $5::text, $4::timestamptz)
         ON CONFLICT (key) DO UPDATE SET banned_at = excluded.banned_at, banned_until = excluded.banned_until,
           bans = s.bans + 1, reason = excluded.reason, expires_at = greatest(s.expires_at, excluded.expires_at)
         RETURNING kind, ${COLUMNS}`,
};
const UNBAN: Statement = {
  name: 'login_unban',
  text: `DELETE FROM login_score WHERE key = $1 AND banned_until > now() RETURNING kind, ${COLUMNS}`,
};
const PRUNE: Statement = {
  name: 'login_score_prune',
  text: `WITH old AS (DELETE FROM login_score WHERE key IN (
             SELECT key FROM login_score WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING 1),
           forgotten AS (DELETE FROM login_known_good WHERE at < now() - interval '90 days' RETURNING 1)
         SELECT (SELECT count(*) FROM old) + (SELECT count(*) FROM forgotten) AS pruned`,
};

/** The brute-force defence's memory, shared by all workers: fading scores, bans, and sources known as good. */
@Injectable()
export class LoginThrottleRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  /**
   * Change the scores of some keys as one step: `decide` gets them as they are and answers what they become. Rows are
   * locked in one order, so that workers never wait for each other in a circle.
   */
  async change(
    keys: readonly ScoreKey[],
    decide: (now: ScoresNow) => readonly StoredScore[],
  ): Promise<readonly StoredScore[]> {
    const wanted = JSON.stringify(keys.map(({ login, source }) => ({ key: keyOf({ login, source }), login, source })));
    return inSqlTransaction(this.database, async (sql) => {
      await sql.rows(MAKE, [wanted]);
      const rows = await sql.rows<Row>(LOCK, [keys.map(keyOf)]);
      const scores = new Map(rows.map((row) => [row.key, scoreOf(row)]));
      const good = await goodOf(sql, wanted);
      const after = decide({
        score: (key) => scores.get(keyOf(key)) ?? NO_SCORE,
        lastGoodMs: (key) => good.get(keyOf(key)) ?? null,
      });
      await sql.rows(STORE, [JSON.stringify(after.map(storedOf))]);
      return after;
    });
  }

  /** What an attempt would be judged by now. */
  async standing(login: string, source: string): Promise<Omit<ThrottleState, 'allowListed'>> {
    const [pair, whole] = [
      { login, source },
      { login: '', source },
    ];
    const rows = await this.database.rows<Row>(SCORES, [[keyOf(pair), keyOf(whole)]]);
    const scores = new Map(rows.map((row) => [row.key, scoreOf(row)]));
    const good = await this.knownGood([pair]);
    return {
      pair: scores.get(keyOf(pair)) ?? NO_SCORE,
      source: scores.get(keyOf(whole)) ?? NO_SCORE,
      lastGoodMs: good.get(keyOf(pair)) ?? null,
    };
  }

  /** Since when these pairs are known as good; pairs that are not are left out. */
  async knownGood(keys: readonly ScoreKey[]): Promise<ReadonlyMap<string, number>> {
    return goodOf(this.database, JSON.stringify(keys));
  }

  /** These pairs have logged in well: their scores go, and their sources are remembered. */
  async succeeded(keys: readonly ScoreKey[], withScore: readonly ScoreKey[]): Promise<void> {
    if (keys.length > 0) await this.database.rows(GOOD, [JSON.stringify(keys)]);
    if (withScore.length > 0) await this.database.rows(CLEAR, [withScore.map(keyOf)]);
  }

  /** All bans that hold now, the longest first, at most `most`. */
  async bans(most: number): Promise<StoredScore[]> {
    const rows = await this.database.rows<Row>(BANS, [most]);
    return rows.map((row) => ({ login: row.login, source: row.source, reason: row.reason, score: scoreOf(row) }));
  }

  /** A page of bans, the newest first. */
  list(page: {
    readonly most: number;
    readonly after: { readonly bannedAt: Date; readonly key: string } | null;
    readonly source: string | null;
    readonly login: string | null;
  }): Promise<BanRecord[]> {
    const { most, after, source, login } = page;
    return this.database.rows<BanRecord>(LIST, [most, after?.bannedAt ?? null, after?.key ?? null, source, login]);
  }

  async ban(key: ScoreKey, until: Date, reason: string, sql: Queryable = this.database): Promise<BanRecord> {
    const [row] = await sql.rows<BanRecord>(BAN, [keyOf(key), key.login, key.source, until, reason]);
    return row!;
  }

  /** Ends a ban and forgets its score, so that the next failure does not ban again; null where there is none. */
  async unban(key: string, sql: Queryable = this.database): Promise<BanRecord | null> {
    const [row] = await sql.rows<BanRecord>(UNBAN, [key]);
    return row ?? null;
  }

  /** Drops what says nothing any more; resolves to how many rows. */
  async prune(most: number): Promise<number> {
    const [row] = await this.database.rows<{ pruned: number }>(PRUNE, [most]);
    return row!.pruned;
  }
}

/** The key of a row. */
export function keyOf({ login, source }: ScoreKey): string {
  return login === '' ? source : `${login}\n${source}`;
}

async function goodOf(sql: Queryable, keys: string): Promise<Map<string, number>> {
  const rows = await sql.rows<{ login: string; source: string; at: Date }>(KNOWN_GOOD, [keys]);
  return new Map(rows.map((row) => [keyOf(row), row.at.getTime()]));
}

function scoreOf(row: Row): ThrottleScore {
  return {
    score: row.score,
    atMs: row.at.getTime(),
    bans: row.bans,
    bannedAtMs: row.bannedAt?.getTime() ?? null,
    bannedUntilMs: row.bannedUntil?.getTime() ?? null,
  };
}

function storedOf({ score, reason, ...key }: StoredScore): Record<string, unknown> {
  return {
    key: keyOf(key),
    score: score.score,
    at: new Date(score.atMs),
    bans: score.bans,
    bannedAt: score.bannedAtMs === null ? null : new Date(score.bannedAtMs),
    bannedUntil: score.bannedUntilMs === null ? null : new Date(score.bannedUntilMs),
    reason,
    expiresAt: new Date(forgettableAt(score)),
  };
}
