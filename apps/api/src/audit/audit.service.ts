import { Injectable } from '@nestjs/common';
import { type AuditRecord, AuditRepository } from '@quayside/database';
import { type Page, readPage } from '../http/page.js';
import { isSequence } from '../http/positions.js';
import { type AuditOut, type AuditQuery, type AuditVerification, presentAudit } from './audit.schema.js';

/** A log that takes longer is for `npm run audit:verify`. */
const LONGEST_VERIFY_MS = 60_000;

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

  /** Whether the log is as it was written. */
  async verify(): Promise<AuditVerification> {
    const { entries, last, fault } = await this.audit.verify(AbortSignal.timeout(LONGEST_VERIFY_MS));
    return { intact: fault === null, entries, last, fault };
  }
}
