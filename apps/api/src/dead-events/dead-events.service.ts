import { Injectable } from '@nestjs/common';
import { DeadEventRepository, type DeadPart, type DeadEventRecord, isContentRefused } from '@quayside/database';
import { DomainError, isId } from '@quayside/domain';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import type { Position } from '../http/cursor.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import { type DeadEventOut, type DeadEventQuery, presentDeadEvent } from './dead-events.schema.js';

/** Events that were set aside, because they can never be applied as they are. */
@Injectable()
export class DeadEventsService {
  constructor(
    private readonly dead: DeadEventRepository,
    private readonly changes: ChangeLog,
  ) {}

  list(query: DeadEventQuery): Promise<Page<DeadEventOut>> {
    return readPage(
      {
        scope: { list: 'dead-events' },
        query,
        isPosition: isTimeIdAndPart,
        positionOf: (row: DeadEventRecord) => [row.foundAt.toISOString(), row.id, row.part],
        read: (after, limit) => this.dead.list(true, after, limit),
      },
      presentDeadEvent,
    );
  }

  /** Hands the event to the consumer again. */
  async retry(actor: Actor, id: string): Promise<void> {
    try {
      await this.changes.apply(actor, async (_tx, queries) => {
        const dead = isId(id) ? await this.dead.remove(id, 'event', queries) : null;
        if (dead === null) throw new DomainError('dead-event.not-found');
        await this.dead.post(dead, queries);
        return { result: undefined, entry: { ...subject(dead), action: 'dead-event.retry' } };
      });
    } catch (error) {
      throw isContentRefused(error) ? new DomainError('dead-event.not-retryable', { cause: error }) : error;
    }
  }

  remove(actor: Actor, id: string, part: DeadPart): Promise<void> {
    return this.changes.apply(actor, async (_tx, queries) => {
      const dead = isId(id) ? await this.dead.remove(id, part, queries) : null;
      if (dead === null) throw new DomainError('dead-event.not-found');
      const { type, fault } = dead;
      return {
        result: undefined,
        entry: { ...subject(dead), action: 'dead-event.remove', before: { part, type, fault } },
      };
    });
  }
}

function subject({ id }: DeadEventRecord) {
  return { tenantId: null, resource: 'dead-event', resourceId: id };
}

function isTimeIdAndPart([time, id, part, ...rest]: Position): boolean {
  return isTimeAndId([time, id] as Position) && (part === 'event' || part === 'ledger') && rest.length === 0;
}
