import { Injectable } from '@nestjs/common';
import {
  type DomainCertificate,
  isUniqueViolation,
  type Queryable,
  type TenantDomainRecord,
  TenantDomainRepository,
} from '@quayside/database';
import { DomainError, newId } from '@quayside/domain';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import type { Precondition } from '../http/etag.js';
import { type Page, readPage } from '../http/page.js';
import { isName } from '../http/positions.js';
import { pairFault } from './certificate-pair.js';
import {
  type CreateDomain,
  type DomainOut,
  type DomainQuery,
  type PatchDomain,
  presentDomain,
} from './domains.schema.js';

const MAX_PER_TENANT = 100;

@Injectable()
export class DomainsService {
  constructor(
    private readonly domains: TenantDomainRepository,
    private readonly changes: ChangeLog,
  ) {}

  create(actor: Actor, tenantId: string, { domain, ...input }: CreateDomain): Promise<DomainOut> {
    const pair = checkedPair(domain, input);
    const create = this.changes.apply(actor, async (_tx, queries) => {
      if ((await this.domains.count(queries, tenantId)) >= MAX_PER_TENANT) {
        throw new DomainError('domain.limit-reached', { detail: `A tenant may have ${MAX_PER_TENANT}` });
      }
      const result = presentDomain(await this.domains.insert(queries, tenantId, { id: newId(), domain, pair }));
      return { result, entry: { ...subject(tenantId, result.id), action: 'domain.create', after: result } };
    });
    return create.catch((error: unknown) => {
      throw isUniqueViolation(error) ? new DomainError('domain.taken', { cause: error }) : error;
    });
  }

  list(tenantId: string, query: DomainQuery): Promise<Page<DomainOut>> {
    return readPage(
      {
        scope: { list: 'domains', tenant: tenantId },
        query,
        isPosition: isName,
        positionOf: (row: TenantDomainRecord) => [row.domain],
        read: (after, limit) => this.domains.list(tenantId, after, limit),
      },
      presentDomain,
    );
  }

  async get(tenantId: string, name: string): Promise<DomainOut> {
    const record = await this.domains.find(tenantId, name.toLowerCase());
    if (record === null) throw new DomainError('domain.not-found');
    return presentDomain(record);
  }

  patch(
    actor: Actor,
    tenantId: string,
    name: string,
    precondition: Precondition,
    input: PatchDomain,
  ): Promise<DomainOut> {
    return this.changes.apply(actor, async (_tx, queries) => {
      const record = await this.#lock(queries, tenantId, name, precondition);
      const before = presentDomain(record);
      const pair = checkedPair(record.domain, input);
      const result = presentDomain(await this.domains.setCertificate(queries, tenantId, record.id, pair));
      return { result, entry: { ...subject(tenantId, record.id), action: 'domain.update', before, after: result } };
    });
  }

  delete(actor: Actor, tenantId: string, name: string, precondition: Precondition): Promise<void> {
    return this.changes.apply(actor, async (_tx, queries) => {
      const record = await this.#lock(queries, tenantId, name, precondition);
      await this.domains.delete(queries, tenantId, record.id);
      const entry = { ...subject(tenantId, record.id), action: 'domain.delete', before: presentDomain(record) };
      return { result: undefined, entry };
    });
  }

  async #lock(
    queries: Queryable,
    tenantId: string,
    name: string,
    precondition: Precondition,
  ): Promise<TenantDomainRecord> {
    const record = await this.domains.lock(queries, tenantId, name.toLowerCase());
    if (record === null) throw new DomainError('domain.not-found');
    precondition.check(record.version);
    return record;
  }
}

/** Null for no certificate. Throws where the pair cannot serve the domain; the key is in no message. */
function checkedPair(
  domain: string,
  { certificate, privateKey }: { readonly certificate?: string | null; readonly privateKey?: string | null },
): DomainCertificate | null {
  if (certificate == null || privateKey == null) return null;
  const fault = pairFault(domain, certificate, privateKey, Date.now());
  if (fault === null) return { certificate, privateKey };
  throw new DomainError('request.invalid', { detail: `Check ${fault.field}`, faults: [fault] });
}

function subject(tenantId: string, id: string) {
  return { tenantId, resource: 'domain', resourceId: id };
}
