import { Injectable } from '@nestjs/common';
import { type ApiKeyRecord, ApiKeyRepository } from '@quayside/database';
import { DomainError, isId, newId } from '@quayside/domain';
import { type Actor, includesRole, type Role } from '../auth/actor.js';
import { generateApiKey } from '../auth/api-key-format.js';
import { ChangeLog } from '../changes/change-log.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import { type ApiKeyOut, type ApiKeyQuery, type CreatedApiKey, presentApiKey } from './api-keys.schema.js';

/** Keys of one tenant, or of the platform where `tenantId` is null. */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly keys: ApiKeyRepository,
    private readonly changes: ChangeLog,
  ) {}

  create(
    actor: Actor,
    tenantId: string | null,
    input: { readonly name: string; readonly role: Role; readonly expiresAt: Date | null },
  ): Promise<CreatedApiKey> {
    // Nobody makes a key that may do more than their own.
    if (!includesRole(actor.role, input.role)) throw new DomainError('access.forbidden');
    const { key, keyHash, prefix } = generateApiKey();
    return this.changes.apply(actor, async (tx) => {
      const record = await this.keys.insert(tx, { id: newId(), tenantId, ...input, keyHash, prefix });
      const out = presentApiKey(record);
      return { result: { ...out, key }, entry: { ...subject(record), action: 'api-key.create', after: out } };
    });
  }

  list(tenantId: string | null, query: ApiKeyQuery): Promise<Page<ApiKeyOut>> {
    return readPage(
      {
        scope: { list: 'api-keys', tenant: tenantId },
        query,
        isPosition: isTimeAndId,
        positionOf: (row: ApiKeyRecord) => [row.createdAt.toISOString(), row.id],
        read: (after, limit) => this.keys.list(tenantId, after, limit),
      },
      presentApiKey,
    );
  }

  async get(tenantId: string | null, id: string): Promise<ApiKeyOut> {
    return presentApiKey(await this.#find(tenantId, id));
  }

  /** Revokes a key: from the next request on it is unknown. */
  async revoke(actor: Actor, tenantId: string | null, id: string): Promise<void> {
    const record = await this.#find(tenantId, id);
    await this.changes.apply(actor, async (tx) => {
      if (!(await this.keys.delete(tx, tenantId, id))) throw new DomainError('api-key.not-found');
      return {
        result: undefined,
        entry: { ...subject(record), action: 'api-key.revoke', before: presentApiKey(record) },
      };
    });
  }

  async #find(tenantId: string | null, id: string): Promise<ApiKeyRecord> {
    const record = isId(id) ? await this.keys.find(tenantId, id) : null;
    if (record === null) throw new DomainError('api-key.not-found');
    return record;
  }
}

function subject(key: ApiKeyRecord) {
  return { tenantId: key.tenantId, resource: 'api-key', resourceId: key.id };
}
