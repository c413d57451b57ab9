import { Inject, Injectable } from '@nestjs/common';
import { Database, type Statement } from '../database.js';
import { Prisma } from '../generated/prisma/client.js';
import { ListQuery, type SortKey } from '../list-query.js';
import type { Transaction } from '../transaction.js';
import { queriesOf } from '../transaction-queries.js';
import { type AuditFacts, chainHash, GENESIS } from './audit-chain.js';

export interface AuditRecord {
  readonly seq: number;
  readonly id: string;
  readonly at: Date;
  readonly tenantId: string | null;
  readonly actorId: string;
  readonly actor: string;
  readonly address: string;
  readonly action: string;
  readonly resource: string;
  readonly resourceId: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly hash: Buffer;
}

export interface AuditFilter {
  readonly action?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** Any constant that nothing else locks: one writer at a time extends the chain. */
const CHAIN_LOCK: Statement = { name: 'audit-lock', text: 'SELECT pg_advisory_xact_lock(715517, 1)::text AS locked' };
const LAST_HASH: Statement = { name: 'audit-last', text: 'SELECT hash FROM audit_entry ORDER BY seq DESC LIMIT 1' };

/** What is wrong with the chain at an entry. */
export interface AuditFault {
  readonly seq: number;
  readonly id: string;
  readonly reason: 'changed' | 'unlinked';
}

const CHAIN: Statement = {
  name: 'audit-chain',
  text: `SELECT seq, id, at, tenant_id AS "tenantId", actor_id AS "actorId", actor, address, action, resource,
           resource_id AS "resourceId", before, after, prev_hash AS "prevHash", hash
         FROM audit_entry WHERE seq > $1 ORDER BY seq LIMIT $2`,
};
const CHAIN_BATCH = 1_000;

const SELECT = `
  SELECT e.seq, e.id, e.at, e.tenant_id AS "tenantId", e.actor_id AS "actorId", e.actor, e.address, e.action,
    e.resource, e.resource_id AS "resourceId", e.before, e.after, e.hash
  FROM audit_entry e`;
const LIST_ORDER: readonly SortKey[] = [{ column: 'e.seq', type: 'bigint' }];

@Injectable()
export class AuditRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  /**
   * Appends an entry to the chain and its event to the outbox, in the transaction of the change. Call it last: it
   * holds the chain's lock until the transaction ends.
   */
  async record(tx: Transaction, facts: AuditFacts, event: { readonly id: string }): Promise<void> {
    const queries = queriesOf(tx);
    await queries.rows(CHAIN_LOCK);
    const [last] = await queries.rows<{ hash: Uint8Array }>(LAST_HASH);
    const prevHash = last?.hash ?? GENESIS;
    await tx.auditEntry.create({
      data: {
        ...facts,
        at: new Date(facts.at),
        before: jsonOf(facts.before),
        after: jsonOf(facts.after),
        prevHash: new Uint8Array(prevHash),
        hash: new Uint8Array(chainHash(prevHash, facts)),
      },
    });
    await tx.outbox.create({ data: { id: event.id, event } });
  }

  /**
   * Walks the chain from the first entry: what each says must give its hash, and each must follow the one before.
   * Stops at the first fault. An entry that was cut off at the end leaves no trace in the chain itself, so compare
   * `last` with one that is kept elsewhere.
   */
  async verify(signal?: AbortSignal): Promise<{
    readonly entries: number;
    readonly last: { readonly seq: number; readonly hash: string } | null;
    readonly fault: AuditFault | null;
  }> {
    let entries = 0;
    let last: { seq: number; hash: Buffer } | null = null;
    for (;;) {
      signal?.throwIfAborted();
      const rows: (AuditRecord & { readonly prevHash: Buffer })[] = await this.database.rows(CHAIN, [
        last?.seq ?? 0,
        CHAIN_BATCH,
      ]);
      for (const row of rows) {
        const { seq, id, hash, prevHash, ...facts } = row;
        const shown = last === null ? null : { seq: last.seq, hash: last.hash.toString('hex') };
        if (!prevHash.equals(last?.hash ?? GENESIS))
          return { entries, last: shown, fault: { seq, id, reason: 'unlinked' } };
        const expected = chainHash(prevHash, { ...facts, id, at: row.at.toISOString() });
        if (!hash.equals(expected)) return { entries, last: shown, fault: { seq, id, reason: 'changed' } };
        entries++;
        last = { seq, hash };
      }
      if (rows.length < CHAIN_BATCH) {
        return {
          entries,
          last: last === null ? null : { seq: last.seq, hash: last.hash.toString('hex') },
          fault: null,
        };
      }
    }
  }

  /** Newest first; `tenantId` undefined lists all tenants' entries and the platform's. */
  async list(
    tenantId: string | undefined,
    filter: AuditFilter,
    after: readonly unknown[] | null,
    limit: number,
  ): Promise<AuditRecord[]> {
    const query = new ListQuery();
    if (tenantId !== undefined) query.where('e.tenant_id = ?::uuid', tenantId);
    if (filter.action !== undefined) query.where('e.action = ?', filter.action);
    if (filter.resourceId !== undefined) query.where('e.resource_id = ?', filter.resourceId);
    if (filter.from !== undefined) query.where('e.at >= ?', filter.from);
    if (filter.to !== undefined) query.where('e.at < ?', filter.to);
    const { statement, values } = query.after(LIST_ORDER, true, after).build(SELECT, LIST_ORDER, true, limit);
    return this.database.rows<AuditRecord>(statement, values);
  }
}

function jsonOf(value: unknown): Prisma.InputJsonValue | typeof Prisma.DbNull {
  return value === null || value === undefined ? Prisma.DbNull : value;
}
