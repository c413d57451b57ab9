import { Injectable } from '@nestjs/common';
import { AccountRepository, EventLogRepository, type EventRecord } from '@quayside/database';
import { resolveAccount } from '../http/account-filter.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import { type EventOut, type EventQuery, presentEvent } from './events.schema.js';

@Injectable()
export class EventsService {
  constructor(
    private readonly events: EventLogRepository,
    private readonly accounts: AccountRepository,
  ) {}

  async list(tenantId: string, query: EventQuery): Promise<Page<EventOut>> {
    const { limit: _, cursor: __, sort, account, session, ...filter } = query;
    const resolved = { ...filter, sessionId: session, account: await resolveAccount(this.accounts, tenantId, account) };
    return readPage(
      {
        scope: { list: 'events', tenant: tenantId, sort, account, session, ...filter },
        query,
        isPosition: isTimeAndId,
        positionOf: (row: EventRecord) => [row.at.toISOString(), row.id],
        read: (after, limit) => this.events.list(tenantId, resolved, sort === '-at', after, limit),
      },
      presentEvent,
    );
  }
}
