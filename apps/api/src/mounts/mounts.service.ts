import { Injectable } from '@nestjs/common';
import {
  type AccountRecord,
  AccountRepository,
  type MountRecord,
  MountRepository,
  type Queryable,
  SpaceRepository,
} from '@quayside/database';
import { DomainError, isId, newId } from '@quayside/domain';
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import type { Precondition } from '../http/etag.js';
import { mergePatch } from '../http/merge-patch.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import { parseOrRefuse } from '../http/validation.js';
import { assertView } from './mount-view.js';
import {
  columnsOf,
  editableOf,
  type MountInput,
  mountInput,
  type MountOut,
  type MountQuery,
  presentMount,
} from './mounts.schema.js';

/** The view of an account. Every change locks the account, so that two of them cannot make a view that neither saw. */
@Injectable()
export class MountsService {
  constructor(
    private readonly mounts: MountRepository,
    private readonly accounts: AccountRepository,
    private readonly spaces: SpaceRepository,
    private readonly changes: ChangeLog,
  ) {}

  create(actor: Actor, tenantId: string, account: string, input: MountInput): Promise<MountOut> {
    const id = newId();
    return this.changes.apply(actor, async (tx, queries) => {
      const owner = await this.#lockAccount(queries, tenantId, account);
      await this.#requireSpace(queries, tenantId, input.space);
      const view = await this.mounts.view(queries, tenantId, owner.id);
      assertView([...view, columnsOf(input)]);
      await this.mounts.insert(tx, { id, tenantId, accountId: owner.id, ...columnsOf(input) });
      await this.mounts.countAccountUp(tx, owner.id);
      const mount = presentMount((await this.mounts.find(tenantId, owner.id, id, queries))!);
      return { result: mount, entry: { ...subject(owner, id), action: 'mount.create', after: mount } };
    });
  }

  async list(tenantId: string, account: string, query: MountQuery): Promise<Page<MountOut>> {
    const owner = await this.#findAccount(tenantId, account);
    return readPage(
      {
        scope: { list: 'mounts', account: owner.id },
        query,
        isPosition: isTimeAndId,
        positionOf: (row: MountRecord) => [row.createdAt.toISOString(), row.id],
        read: (after, limit) => this.mounts.list(tenantId, owner.id, after, limit),
      },
      presentMount,
    );
  }

  async get(tenantId: string, account: string, id: string): Promise<MountOut> {
    const owner = await this.#findAccount(tenantId, account);
    const mount = isId(id) ? await this.mounts.find(tenantId, owner.id, id) : null;
    if (mount === null) throw new DomainError('mount.not-found');
    return presentMount(mount);
  }

  patch(
    actor: Actor,
    tenantId: string,
    account: string,
    id: string,
    precondition: Precondition,
    patch: unknown,
  ): Promise<MountOut> {
    return this.changes.apply(actor, async (tx, queries) => {
      const owner = await this.#lockAccount(queries, tenantId, account);
      const mount = await this.#require(queries, owner, id, precondition);
      const before = editableOf(mount);
      const after = parseOrRefuse(mountInput, mergePatch(before, patch));
      if (isDeepStrictEqual(before, after)) return { result: presentMount(mount), entry: null };
      if (after.space !== before.space) await this.#requireSpace(queries, tenantId, after.space);
      const view = await this.mounts.view(queries, tenantId, owner.id);
      assertView([...view.filter((other) => other.id !== id), columnsOf(after)]);
      await this.mounts.update(tx, id, columnsOf(after));
      await this.mounts.countAccountUp(tx, owner.id);
      const result = presentMount((await this.mounts.find(tenantId, owner.id, id, queries))!);
      return { result, entry: { ...subject(owner, id), action: 'mount.update', before, after } };
    });
  }

  /** The space and its files stay. */
  delete(actor: Actor, tenantId: string, account: string, id: string, precondition: Precondition): Promise<void> {
    return this.changes.apply(actor, async (tx, queries) => {
      const owner = await this.#lockAccount(queries, tenantId, account);
      const mount = await this.#require(queries, owner, id, precondition);
      await this.mounts.delete(tx, id);
      await this.mounts.countAccountUp(tx, owner.id);
      return {
        result: undefined,
        entry: { ...subject(owner, id), action: 'mount.delete', before: presentMount(mount) },
      };
    });
  }

  async #findAccount(tenantId: string, account: string): Promise<AccountRecord> {
    const found = await this.accounts.find(tenantId, account);
    if (found === null) throw new DomainError('account.not-found');
    return found;
  }

  async #lockAccount(queries: Queryable, tenantId: string, account: string): Promise<AccountRecord> {
    const found = await this.accounts.lock(queries, tenantId, account);
    if (found === null) throw new DomainError('account.not-found');
    return found;
  }

  async #require(
    queries: Queryable,
    owner: AccountRecord,
    id: string,
    precondition: Precondition,
  ): Promise<MountRecord> {
    const mount = isId(id) ? await this.mounts.find(owner.tenantId, owner.id, id, queries) : null;
    if (mount === null) throw new DomainError('mount.not-found');
    precondition.check(mount.version);
    return mount;
  }

  async #requireSpace(queries: Queryable, tenantId: string, id: string): Promise<void> {
    if (!(await this.spaces.lock(queries, tenantId, [id])).has(id)) throw new DomainError('space.not-found');
  }
}

function subject(owner: AccountRecord, id: string) {
  return { tenantId: owner.tenantId, accountId: owner.id, resource: 'mount', resourceId: id };
}
