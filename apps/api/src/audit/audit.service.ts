import { Injectable } from '@nestjs/common';
import { type AuditRecord, AuditRepository } from '@quayside/database';
import { type Page, readPage } from '../http/page.js';
import { isSequence } from '../http/positions.js';
import { type AuditOut, type AuditQuery, presentAudit } from './audit.schema.js';

@Injectable()
export class AuditService {
  constructor(private readonly audit: AuditRepository) {}

  /** @param tenantId undefined: of all tenants and the platform */
  list(tenantId: string | undefined, query: AuditQuery): Promise<Page<AuditOut>> {
    const { limit: _, cursor: __, ...filter } = query;
    return readPage(
      {
        scope: { list: 'audit', tenant: tenantId ?? null, ...filter },
        query,
        isPosition: isSequence,
        positionOf: (row: AuditRecord) => [row.seq],
        read: (after, limit) => this.audit.list(tenantId, filter, after, limit),
      },
      presentAudit,
    );
  }
}
