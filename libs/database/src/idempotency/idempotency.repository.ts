import { Inject, Injectable } from '@nestjs/common';
import { Database, type Statement } from '../database.js';

/** A claim on a key: the request runs, and this value proves that the claim is still the same one. */
export interface IdempotencyClaim {
  readonly actorId: string;
  readonly key: string;
  readonly claimedAt: Date;
}

/** What was stored for a key; `status` null while the request runs. */
export interface IdempotencyRecord {
  readonly requestHash: Buffer;
  readonly status: number | null;
  readonly response: Buffer | null;
}

export type ClaimOutcome =
  { readonly claimed: IdempotencyClaim } | { readonly claimed: null; readonly present: IdempotencyRecord };

/** A claim is a lease: whoever dies in the middle blocks its key no longer than this. */
const CLAIM_SECONDS = 60;
const KEEP_HOURS = 24;

const CLAIM: Statement = {
  name: 'idempotency-claim',
  text: `
    INSERT INTO idempotency_key AS k (actor_id, key, request_hash, created_at, expires_at)
    VALUES ($1::uuid, $2, $3, clock_timestamp(), clock_timestamp() + interval '${CLAIM_SECONDS} seconds')
    ON CONFLICT (actor_id, key) DO UPDATE
      SET request_hash = excluded.request_hash, status = NULL, response = NULL,
        created_at = excluded.created_at, expires_at = excluded.expires_at
      WHERE k.expires_at < clock_timestamp()
    RETURNING created_at AS "claimedAt"`,
};

const FIND: Statement = {
  name: 'idempotency-find',
  text: `
    SELECT request_hash AS "requestHash", status, response FROM idempotency_key
    WHERE actor_id = $1::uuid AND key = $2 AND expires_at >= clock_timestamp()`,
};

const COMPLETE: Statement = {
  name: 'idempotency-complete',
  text: `
    UPDATE idempotency_key SET status = $4, response = $5, expires_at = clock_timestamp() + interval '${KEEP_HOURS} hours'
    WHERE actor_id = $1::uuid AND key = $2 AND created_at = $3`,
};

const RELEASE: Statement = {
  name: 'idempotency-release',
  text: 'DELETE FROM idempotency_key WHERE actor_id = $1::uuid AND key = $2 AND created_at = $3 AND status IS NULL',
};

const PURGE: Statement = {
  name: 'idempotency-purge',
  text: `
    DELETE FROM idempotency_key WHERE (actor_id, key) IN (
      SELECT actor_id, key FROM idempotency_key WHERE expires_at < clock_timestamp() ORDER BY expires_at LIMIT 1000)
    RETURNING 1 AS purged`,
};

@Injectable()
export class IdempotencyRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** Claims the key, or tells what is there. One of any number of concurrent callers gets the claim. */
  async claim(actorId: string, key: string, requestHash: Buffer): Promise<ClaimOutcome> {
    for (;;) {
      const [claim] = await this.database.rows<{ claimedAt: Date }>(CLAIM, [actorId, key, requestHash]);
      if (claim !== undefined) return { claimed: { actorId, key, claimedAt: claim.claimedAt } };
      const [present] = await this.database.rows<IdempotencyRecord>(FIND, [actorId, key]);
      if (present !== undefined) return { claimed: null, present };
      // It was released or ran out between the two statements: the next claim decides.
    }
  }

  async complete(claim: IdempotencyClaim, status: number, response: Buffer): Promise<void> {
    await this.database.rows(COMPLETE, [claim.actorId, claim.key, claim.claimedAt, status, response]);
  }

  /** Gives the key back, as if the request had never been made. */
  async release(claim: IdempotencyClaim): Promise<void> {
    await this.database.rows(RELEASE, [claim.actorId, claim.key, claim.claimedAt]);
  }

  /** Deletes a batch of keys that have run out; returns how many. */
  async purge(): Promise<number> {
    return (await this.database.rows(PURGE)).length;
  }
}
