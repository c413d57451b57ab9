import { Injectable } from '@nestjs/common';
import {
  isForeignKeyViolation,
  isUniqueViolation,
  type PolicyRecord,
  PolicyRepository,
  type Queryable,
} from '@quayside/database';
import { DomainError, isId, newId } from '@quayside/domain';
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import type { Precondition } from '../http/etag.js';
import { mergePatch } from '../http/merge-patch.js';
import { type Page, readPage } from '../http/page.js';
import { isName } from '../http/positions.js';
import { parseOrRefuse } from '../http/validation.js';
import {
  type CreatePolicy,
  editableOf,
  editablePolicy,
  type PolicyOut,
  type PolicyQuery,
  presentPolicy,
} from './policies.schema.js';

/** Policies of one tenant, or of the platform where `owner` is null. */
@Injectable()
export class PoliciesService {
  constructor(
    private readonly policies: PolicyRepository,
    private readonly changes: ChangeLog,
  ) {}

  async create(actor: Actor, owner: string | null, input: CreatePolicy): Promise<PolicyOut> {
    const id = newId();
    const create = this.changes.apply(actor, async (tx, queries) => {
      const { name, description, rules, isPlatformDefault = false } = input;
      await this.policies.insert(tx, queries, owner, { id, name, description, rules, isPlatformDefault });
      const policy = presentPolicy((await this.policies.find(owner, id, queries))!);
      return { result: policy, entry: { ...subject(owner, id), action: 'policy.create', after: policy } };
    });
    return create.catch(nameTaken);
  }

  list(owner: string | null, query: PolicyQuery): Promise<Page<PolicyOut>> {
    return readPage(
      {
        scope: { list: 'policies', tenant: owner },
        query,
        isPosition: isName,
        positionOf: (row: PolicyRecord) => [row.name],
        read: (after, limit) => this.policies.list(owner, after, limit),
      },
      presentPolicy,
    );
  }

  async get(owner: string | null, id: string): Promise<PolicyOut> {
    const policy = isId(id) ? await this.policies.find(owner, id) : null;
    if (policy === null) throw new DomainError('policy.not-found');
    return presentPolicy(policy);
  }

  async patch(
    actor: Actor,
    owner: string | null,
    id: string,
    precondition: Precondition,
    patch: unknown,
  ): Promise<PolicyOut> {
    const change = this.changes.apply(actor, async (tx, queries) => {
      const policy = await this.#lock(queries, owner, id, precondition);
      const before = editableOf(policy);
      const after = parseOrRefuse(editablePolicy, mergePatch(before, patch));
      if (isDeepStrictEqual(before, after)) return { result: presentPolicy(policy), entry: null };
      await this.policies.update(tx, id, after);
      const result = presentPolicy((await this.policies.find(owner, id, queries))!);
      return { result, entry: { ...subject(owner, id), action: 'policy.update', before, after } };
    });
    return change.catch(nameTaken);
  }

  async delete(actor: Actor, owner: string | null, id: string, precondition: Precondition): Promise<void> {
    const removal = this.changes.apply(actor, async (tx, queries) => {
      const policy = await this.#lock(queries, owner, id, precondition);
      if (policy.isPlatformDefault) throw new DomainError('policy.in-use', { detail: 'It is the platform’s default' });
      if (policy.tenants > 0 || policy.accounts > 0) {
        throw new DomainError('policy.in-use', {
          detail: `${policy.tenants} tenants and ${policy.accounts} accounts have it`,
        });
      }
      await this.policies.delete(tx, id);
      const entry = { ...subject(owner, id), action: 'policy.delete', before: presentPolicy(policy) };
      return { result: undefined, entry };
    });
    await removal.catch(inUse);
  }

  async #lock(queries: Queryable, owner: string | null, id: string, precondition: Precondition): Promise<PolicyRecord> {
    const policy = isId(id) ? await this.policies.lock(queries, owner, id) : null;
    if (policy === null) throw new DomainError('policy.not-found');
    precondition.check(policy.version);
    return policy;
  }
}

function subject(owner: string | null, id: string) {
  return { tenantId: owner, resource: 'policy', resourceId: id };
}

/** The name is a policy's only unique field that a caller chooses. */
function nameTaken(error: unknown): never {
  throw isUniqueViolation(error) ? new DomainError('policy.name-taken', { cause: error }) : error;
}

/** Given to somebody between the look and the deletion. */
function inUse(error: unknown): never {
  throw isForeignKeyViolation(error) ? new DomainError('policy.in-use', { cause: error }) : error;
}
