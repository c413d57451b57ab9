import { Injectable, type StreamableFile } from '@nestjs/common';
import { AccountRepository, TransferLogRepository, type TransferRecord } from '@quayside/database';
import { resolveAccount } from '../http/account-filter.js';
import { exportList } from '../http/export.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import {
  presentTransfer,
  TRANSFER_COLUMNS,
  type TransferExportQuery,
  type TransferOut,
  type TransferQuery,
} from './transfers.schema.js';

@Injectable()
export class TransfersService {
  constructor(
    private readonly transfers: TransferLogRepository,
    private readonly accounts: AccountRepository,
  ) {}

  async list(tenantId: string, query: TransferQuery): Promise<Page<TransferOut>> {
    const { limit: _, cursor: __, sort, account, session, ...filter } = query;
    const resolved = { ...filter, sessionId: session, account: await resolveAccount(this.accounts, tenantId, account) };
    return readPage(
      {
        scope: { list: 'transfers', tenant: tenantId, sort, account, session, ...filter },
        query,
        isPosition: isTimeAndId,
        positionOf: (row: TransferRecord) => [row.startedAt.toISOString(), row.id],
        read: (after, limit) => this.transfers.list(tenantId, resolved, sort === '-startedAt', after, limit),
      },
      presentTransfer,
    );
  }

  /** The whole list as a file, with the same filters. */
  async export(tenantId: string, query: TransferExportQuery): Promise<StreamableFile> {
    const { format, sort, account, session, ...filter } = query;
    const resolved = { ...filter, sessionId: session, account: await resolveAccount(this.accounts, tenantId, account) };
    return exportList<TransferRecord, TransferOut>({
      name: 'transfers',
      format,
      columns: TRANSFER_COLUMNS,
      read: async (last, limit) => {
        const rows: TransferRecord[] = [];
        let after: readonly unknown[] | null = last === null ? null : [last.startedAt.toISOString(), last.id];
        do {
          const found = await this.transfers.list(
            tenantId,
            resolved,
            sort === '-startedAt',
            after,
            limit - rows.length,
          );
          rows.push(...found.rows);
          after = found.searchedTo;
        } while (after !== null);
        return rows;
      },
      present: presentTransfer,
    });
  }
}
