import { Injectable } from '@nestjs/common';
import {
  AccountRepository,
  isUniqueViolation,
  type Queryable,
  type TenantRecord,
  TenantRepository,
  type Transaction,
} from '@quayside/database';
import { DomainError, newId } from '@quayside/domain';
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import type { Precondition } from '../http/etag.js';
import { mergePatch } from '../http/merge-patch.js';
import { type Page, readPage } from '../http/page.js';
import { isName, isTimeAndId } from '../http/positions.js';
import { parseOrRefuse } from '../http/validation.js';
import {
  type CreateTenant,
  type EditableTenant,
  editableOf,
  editableTenant,
  presentTenant,
  type TenantOut,
  type TenantQuery,
} from './tenants.schema.js';

@Injectable()
export class TenantsService {
  constructor(
    private readonly tenants: TenantRepository,
    private readonly accounts: AccountRepository,
    private readonly changes: ChangeLog,
  ) {}

  async create(actor: Actor, input: CreateTenant): Promise<TenantOut> {
    const tenantId = newId();
    const create = this.changes.apply(actor, async (tx, queries) => {
      await this.#requirePolicy(queries, tenantId, input.policy);
      await this.tenants.insert(tx, { id: tenantId, ...columnsOf(input) });
      const tenant = presentTenant((await this.tenants.find(tenantId, queries))!);
      return { result: tenant, entry: { ...subject(tenantId), action: 'tenant.create', after: tenant } };
    });
    return create.catch(slugTaken);
  }

  list(query: TenantQuery): Promise<Page<TenantOut>> {
    const { limit: _, cursor: __, sort, ...filter } = query;
    const descending = sort.startsWith('-');
    const by = sort.replace('-', '') as 'slug' | 'createdAt';
    return readPage(
      {
        scope: { list: 'tenants', sort, ...filter },
        query,
        isPosition: by === 'slug' ? isName : isTimeAndId,
        positionOf: (row: TenantRecord) => (by === 'slug' ? [row.slug] : [row.createdAt.toISOString(), row.id]),
        read: (after, limit) => this.tenants.list(filter, { by, descending }, after, limit),
      },
      presentTenant,
    );
  }

  async get(tenantId: string): Promise<TenantOut> {
    const tenant = await this.tenants.find(tenantId);
    if (tenant === null) throw new DomainError('tenant.not-found');
    return presentTenant(tenant);
  }

  patch(actor: Actor, tenantId: string, precondition: Precondition, patch: unknown): Promise<TenantOut> {
    return this.#change(actor, tenantId, precondition, 'tenant.update', (tenant) =>
      parseOrRefuse(editableTenant, mergePatch(tenant, patch)),
    );
  }

  suspend(actor: Actor, tenantId: string, precondition: Precondition, reason: string | null): Promise<TenantOut> {
    return this.#change(actor, tenantId, precondition, 'tenant.suspend', (tenant) => ({
      ...tenant,
      status: 'suspended',
      statusText: reason,
    }));
  }

  resume(actor: Actor, tenantId: string, precondition: Precondition): Promise<TenantOut> {
    return this.#change(actor, tenantId, precondition, 'tenant.resume', (tenant) => ({
      ...tenant,
      status: 'active',
      statusText: null,
    }));
  }

  delete(actor: Actor, tenantId: string, precondition: Precondition): Promise<void> {
    return this.changes.apply(actor, async (tx, queries) => {
      const tenant = await this.#lock(queries, tenantId, precondition);
      const { accounts, spaces } = await this.tenants.holdings(queries, tenantId);
      if (accounts > 0 || spaces > 0) {
        throw new DomainError('tenant.not-empty', { detail: `${accounts} accounts and ${spaces} spaces are left` });
      }
      await this.tenants.delete(tx, tenantId);
      const entry = { ...subject(tenantId), action: 'tenant.delete', before: presentTenant(tenant) };
      return { result: undefined, entry };
    });
  }

  #change(
    actor: Actor,
    tenantId: string,
    precondition: Precondition,
    action: string,
    edit: (present: EditableTenant) => EditableTenant,
  ): Promise<TenantOut> {
    const change = this.changes.apply(actor, async (tx: Transaction, queries) => {
      const tenant = await this.#lock(queries, tenantId, precondition);
      const before = editableOf(tenant);
      const after = edit(before);
      if (isDeepStrictEqual(before, after)) return { result: presentTenant(tenant), entry: null };
      if (after.policy !== before.policy) await this.#requirePolicy(queries, tenantId, after.policy);
      await this.#requireAccount(queries, tenantId, after.anonymous?.account ?? null);
      await this.tenants.update(tx, tenantId, {
        ...columnsOf(after),
        anonymousAccountId: after.anonymous?.account ?? null,
        anonymousDropFolder: after.anonymous?.dropFolder ?? null,
        status: after.status,
        statusText: after.statusText,
      });
      const result = presentTenant((await this.tenants.find(tenantId, queries))!);
      return { result, entry: { ...subject(tenantId), action, before, after } };
    });
    return change.catch(slugTaken);
  }

  async #lock(queries: Queryable, tenantId: string, precondition: Precondition): Promise<TenantRecord> {
    const tenant = await this.tenants.lock(queries, tenantId);
    if (tenant === null) throw new DomainError('tenant.not-found');
    precondition.check(tenant.version);
    return tenant;
  }

  async #requireAccount(queries: Queryable, tenantId: string, accountId: string | null): Promise<void> {
    if (accountId === null || (await this.tenants.hasAccount(queries, tenantId, accountId))) return;
    throw new DomainError('account.not-found');
  }

  async #requirePolicy(queries: Queryable, tenantId: string, policyId: string | null): Promise<void> {
    if (policyId === null || (await this.accounts.mayUsePolicy(queries, tenantId, policyId))) return;
    throw new DomainError('policy.not-found');
  }
}

function columnsOf(input: Pick<EditableTenant, 'slug' | 'name' | 'limits' | 'timeZone' | 'policy'>) {
  return {
    slug: input.slug,
    name: input.name,
    timeZone: input.timeZone,
    policyId: input.policy,
    maxAccounts: input.limits.accounts,
    bytesLimit: input.limits.bytes,
    filesLimit: input.limits.files,
  };
}

function subject(tenantId: string) {
  return { tenantId, resource: 'tenant', resourceId: tenantId };
}

/** The slug is a tenant's only unique field. */
function slugTaken(error: unknown): never {
  throw isUniqueViolation(error) ? new DomainError('tenant.slug-taken', { cause: error }) : error;
}
