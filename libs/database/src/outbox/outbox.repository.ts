import type { Prisma } from '../generated/prisma/client.js';
import type { Queryable, Statement } from '../database.js';
import type { Transaction } from '../transaction.js';

export interface OutboxRow {
  readonly id: string;
  readonly event: unknown;
}

const OLDEST: Statement = {
  name: 'outbox_oldest',
  text: 'SELECT id, event FROM outbox ORDER BY created_at, id LIMIT $1',
};
const REMOVE: Statement = { name: 'outbox_remove', text: 'DELETE FROM outbox WHERE id = ANY ($1::uuid[])' };

const COUNT: Statement = { name: 'outbox_count', text: 'SELECT count(*)::int AS count FROM outbox' };

/** Events of the API, between the transaction of their change and the event log. Applying one twice does no harm. */
export class OutboxRepository {
  constructor(private readonly database: Queryable) {}

  /** Within the transaction of the change: both are there afterwards, or neither. */
  async add(tx: Transaction, events: readonly { readonly id: string }[]): Promise<void> {
    await tx.outbox.createMany({
      data: events.map((event) => ({ id: event.id, event: event as unknown as Prisma.InputJsonValue })),
    });
  }

  oldest(limit: number): Promise<OutboxRow[]> {
    return this.database.rows<OutboxRow>(OLDEST, [limit]);
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.database.rows(REMOVE, [ids]);
  }

  async count(): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(COUNT);
    return row!.count;
  }
}
