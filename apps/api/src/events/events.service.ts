import { Injectable, type StreamableFile } from '@nestjs/common';
import { AccountRepository, EventLogRepository, type EventRecord } from '@quayside/database';
import { resolveAccount } from '../http/account-filter.js';
import { exportList } from '../http/export.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import { EVENT_COLUMNS, type EventExportQuery, type EventOut, type EventQuery, presentEvent } from './events.schema.js';

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

  /** The whole list as a file, with the same filters. */
  async export(tenantId: string, query: EventExportQuery): Promise<StreamableFile> {
    const { format, sort, account, session, ...filter } = query;
    const resolved = { ...filter, sessionId: session, account: await resolveAccount(this.accounts, tenantId, account) };
    return exportList<EventRecord, EventOut>({
      name: 'events',
      format,
      columns: EVENT_COLUMNS,
      read: (last, limit) => {
        const after = last === null ? null : [last.at.toISOString(), last.id];
        return this.events.list(tenantId, resolved, sort === '-at', after, limit);
      },
      present: presentEvent,
    });
  }
}
