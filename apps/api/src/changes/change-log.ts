import { Inject, Injectable } from '@nestjs/common';
import {
  AuditRepository,
  Database,
  inTransaction,
  type Queryable,
  queriesOf,
  type Transaction,
} from '@quayside/database';
import { newId } from '@quayside/domain';
import type { Envelope } from '@quayside/events';
import type { Actor } from '../auth/actor.js';

/** One change as the audit log keeps it. `before` and `after` never hold secrets. */
export interface ChangeEntry {
  readonly tenantId: string | null;
  readonly accountId?: string;
  /** For example `account.suspend`. */
  readonly action: string;
  readonly resource: string;
  readonly resourceId: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** What a change came to; `entry` null where nothing had to be changed. */
export interface Change<Result> {
  readonly result: Result;
  readonly entry: ChangeEntry | null;
}

/** The one way in which the API changes anything: the change, its audit entry and its event commit together. */
@Injectable()
export class ChangeLog {
  constructor(
    @Inject(Database) private readonly database: Database,
    private readonly audit: AuditRepository,
  ) {}

  apply<Result>(
    actor: Pick<Actor, 'apiKeyId' | 'name' | 'address'>,
    work: (tx: Transaction, queries: Queryable) => Promise<Change<Result>>,
  ): Promise<Result> {
    return inTransaction(this.database, async (tx) => {
      const { result, entry } = await work(tx, queriesOf(tx));
      if (entry !== null) await this.#record(tx, actor, entry);
      return result;
    });
  }

  #record(tx: Transaction, actor: Pick<Actor, 'apiKeyId' | 'name' | 'address'>, entry: ChangeEntry): Promise<void> {
    const at = new Date().toISOString();
    const { tenantId, action, resource, resourceId } = entry;
    const event: Envelope = {
      id: newId(),
      type: 'admin.changed',
      v: 1,
      at,
      tenantId,
      accountId: entry.accountId ?? null,
      sessionId: null,
      node: null,
      worker: null,
      data: { action, resource, resourceId, actor: actor.name },
    };
    const facts = {
      id: newId(),
      at,
      tenantId,
      actorId: actor.apiKeyId,
      actor: actor.name,
      address: actor.address,
      action,
      resource,
      resourceId,
      before: entry.before ?? null,
      after: entry.after ?? null,
    };
    return this.audit.record(tx, facts, event);
  }
}
