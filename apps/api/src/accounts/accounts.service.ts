import { Injectable } from '@nestjs/common';
import {
  type AccountChange,
  type AccountRecord,
  AccountRepository,
  isUniqueViolation,
  type NewAccount,
  type Queryable,
  SpaceRepository,
  type TenantRef,
  TenantRepository,
} from '@quayside/database';
import { DomainError, generatePassword, newId, PERMISSIONS } from '@quayside/domain';
import { PasswordHasher } from '@quayside/passwords';
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import type { Precondition } from '../http/etag.js';
import { mergePatch } from '../http/merge-patch.js';
import { type Page, readPage } from '../http/page.js';
import { isName, isTimeAndId } from '../http/positions.js';
import { parseOrRefuse } from '../http/validation.js';
import { assertView } from '../mounts/mount-view.js';
import { columnsOf as columnsOfMount, type MountInput } from '../mounts/mounts.schema.js';
import {
  type AccountOut,
  type AccountQuery,
  type CreateAccount,
  type CreatedAccount,
  type DeletedAccount,
  type EditableAccount,
  editableAccount,
  editableOf,
  presentAccount,
  presentDeleted,
} from './accounts.schema.js';

@Injectable()
export class AccountsService {
  constructor(
    private readonly accounts: AccountRepository,
    private readonly tenants: TenantRepository,
    private readonly spaces: SpaceRepository,
    private readonly passwords: PasswordHasher,
    private readonly changes: ChangeLog,
  ) {}

  async create(actor: Actor, tenant: TenantRef, input: CreateAccount): Promise<CreatedAccount> {
    const password = input.password ?? generatePassword();
    // Hashing takes a while, so it is done before the transaction takes its locks.
    const passwordHash = input.passwordHash ?? (await this.passwords.hash(password));
    const accountId = newId();
    const view = newView(input);
    const create = this.changes.apply(actor, async (tx, queries) => {
      await this.#requireRoom(queries, tenant.id);
      await this.#requirePolicy(queries, tenant.id, input.policy);
      if (view.space === null) await this.#requireSpaces(queries, tenant.id, view.mounts);
      await this.accounts.insert(tx, {
        id: accountId,
        tenantId: tenant.id,
        username: input.username,
        policyId: input.policy,
        expiresAt: dateOf(input.expiresAt),
        decoy: input.decoy,
        credentialId: newId(),
        passwordHash,
        ...view,
      });
      const account = presentAccount((await this.accounts.find(tenant.id, accountId, queries))!, tenant.slug);
      return { result: account, entry: { ...subject(tenant, accountId), action: 'account.create', after: account } };
    });
    const account = await create.catch(usernameTaken);
    return input.password === undefined && input.passwordHash === undefined ? { ...account, password } : account;
  }

  list(tenant: TenantRef, query: AccountQuery): Promise<Page<AccountOut>> {
    const { limit: _, cursor: __, sort, ...filter } = query;
    const descending = sort.startsWith('-');
    const by = sort.replace('-', '') as 'username' | 'createdAt';
    return readPage(
      {
        scope: { list: 'accounts', tenant: tenant.id, sort, ...filter },
        query,
        isPosition: by === 'username' ? isName : isTimeAndId,
        positionOf: (row: AccountRecord) =>
          by === 'username' ? [row.username] : [row.createdAt.toISOString(), row.id],
        read: (after, limit) => this.accounts.list(tenant.id, filter, { by, descending }, after, limit),
      },
      (row) => presentAccount(row, tenant.slug),
    );
  }

  async get(tenant: TenantRef, account: string): Promise<AccountOut> {
    const found = await this.accounts.find(tenant.id, account);
    if (found === null) throw new DomainError('account.not-found');
    return presentAccount(found, tenant.slug);
  }

  patch(
    actor: Actor,
    tenant: TenantRef,
    account: string,
    precondition: Precondition,
    patch: unknown,
  ): Promise<AccountOut> {
    return this.#change(actor, tenant, account, precondition, 'account.update', (present) =>
      parseOrRefuse(editableAccount, mergePatch(present, patch)),
    );
  }

  suspend(
    actor: Actor,
    tenant: TenantRef,
    account: string,
    precondition: Precondition,
    reason: string | null,
  ): Promise<AccountOut> {
    return this.#change(actor, tenant, account, precondition, 'account.suspend', (present) => ({
      ...present,
      status: 'suspended',
      statusText: reason,
    }));
  }

  resume(actor: Actor, tenant: TenantRef, account: string, precondition: Precondition): Promise<AccountOut> {
    return this.#change(actor, tenant, account, precondition, 'account.resume', (present) => ({
      ...present,
      status: 'active',
      statusText: null,
    }));
  }

  /** The account goes at once; its files stay, or are removed by the workers' upkeep after the space is marked. */
  delete(
    actor: Actor,
    tenant: TenantRef,
    account: string,
    precondition: Precondition,
    files: 'keep' | 'delete',
  ): Promise<DeletedAccount> {
    return this.changes.apply(actor, async (tx, queries) => {
      const found = await this.#lock(queries, tenant, account, precondition);
      const space = found.spaceId === null ? null : await this.spaces.find(tenant.id, found.spaceId, queries);
      await this.accounts.delete(tx, found);
      const removed = files === 'delete' && space !== null && (await this.spaces.markRemoved(tx, tenant.id, space.id));
      const shared = space !== null && space.mounts > 1;
      const result = presentDeleted(found, space, removed ? 'removing' : shared ? 'shared' : 'kept');
      const entry = {
        ...subject(tenant, found.id),
        action: 'account.delete',
        before: presentAccount(found, tenant.slug),
        after: result,
      };
      return { result, entry };
    });
  }

  async #change(
    actor: Actor,
    tenant: TenantRef,
    account: string,
    precondition: Precondition,
    action: string,
    edit: (present: EditableAccount) => EditableAccount,
  ): Promise<AccountOut> {
    // Found out and hashed before the transaction, which would otherwise hold the account's lock meanwhile.
    const read = await this.accounts.find(tenant.id, account);
    if (read === null) throw new DomainError('account.not-found');
    precondition.check(read.version);
    const { password, passwordHash: imported } = edit(editableOf(read));
    const passwordHash = password === undefined ? imported : await this.passwords.hash(password);

    const change = this.changes.apply(actor, async (tx, queries) => {
      const found = await this.#lock(queries, tenant, read.id, precondition);
      const before = editableOf(found);
      const { password: _, passwordHash: __, ...after } = edit(before);
      if (passwordHash === undefined && isDeepStrictEqual(before, after)) {
        return { result: presentAccount(found, tenant.slug), entry: null };
      }
      if (after.policy !== before.policy) await this.#requirePolicy(queries, tenant.id, after.policy);
      if (found.spaceId === null && !isDeepStrictEqual(before.quota, after.quota)) throw noSpace();
      await this.accounts.update(tx, found, { ...columnsOf(after), passwordHash });
      const result = presentAccount((await this.accounts.find(tenant.id, found.id, queries))!, tenant.slug);
      const entry = {
        ...subject(tenant, found.id),
        action,
        before,
        after: passwordHash === undefined ? after : { ...after, passwordChanged: true },
      };
      return { result, entry };
    });
    return change.catch(usernameTaken);
  }

  async #lock(
    queries: Queryable,
    tenant: TenantRef,
    account: string,
    precondition: Precondition,
  ): Promise<AccountRecord> {
    const found = await this.accounts.lock(queries, tenant.id, account);
    if (found === null) throw new DomainError('account.not-found');
    precondition.check(found.version);
    return found;
  }

  /** Locks the tenant, so that concurrent creations are counted one after the other. */
  async #requireRoom(queries: Queryable, tenantId: string): Promise<void> {
    const tenant = await this.tenants.lock(queries, tenantId);
    if (tenant === null) throw new DomainError('tenant.not-found');
    if (tenant.maxAccounts === null || tenant.accounts < tenant.maxAccounts) return;
    throw new DomainError('tenant.limit-reached', { detail: `The tenant may have ${tenant.maxAccounts} accounts` });
  }

  /** Locks the spaces, so that none of them is removed meanwhile. */
  async #requireSpaces(queries: Queryable, tenantId: string, mounts: NewAccount['mounts']): Promise<void> {
    const ids = mounts.map(({ spaceId }) => spaceId);
    const found = await this.spaces.lock(queries, tenantId, ids);
    if (!ids.every((id) => found.has(id))) throw new DomainError('space.not-found');
  }

  async #requirePolicy(queries: Queryable, tenantId: string, policyId: string | null): Promise<void> {
    if (policyId === null || (await this.accounts.mayUsePolicy(queries, tenantId, policyId))) return;
    throw new DomainError('policy.not-found');
  }
}

/** What a new account sees: the spaces that were named, or one of its own. */
function newView(input: CreateAccount): Pick<NewAccount, 'space' | 'mounts'> {
  const named = input.mounts ?? (input.space === undefined ? undefined : [wholeSpace(input.space)]);
  if (named !== undefined) {
    const mounts = named.map((mount) => ({ id: newId(), ...columnsOfMount(mount) }));
    assertView(mounts);
    return { space: null, mounts };
  }
  const space = { id: newId(), bytesLimit: input.quota?.bytes ?? null, filesLimit: input.quota?.files ?? null };
  return { space, mounts: [{ id: newId(), ...columnsOfMount(wholeSpace(space.id)) }] };
}

function wholeSpace(space: string): MountInput {
  return { space, path: '/', subpath: '/', permissions: [...PERMISSIONS] };
}

function noSpace(): DomainError {
  const message = 'cannot be set: no space is mounted at /; set the quota of the spaces';
  return new DomainError('request.invalid', { detail: 'Check quota', faults: [{ field: 'quota', message }] });
}

function columnsOf(account: Omit<EditableAccount, 'password' | 'passwordHash'>): AccountChange {
  return {
    username: account.username,
    status: account.status,
    statusText: account.statusText,
    policyId: account.policy,
    expiresAt: dateOf(account.expiresAt),
    decoy: account.decoy,
    bytesLimit: account.quota.bytes,
    filesLimit: account.quota.files,
  };
}

function subject(tenant: TenantRef, accountId: string) {
  return { tenantId: tenant.id, accountId, resource: 'account', resourceId: accountId };
}

function dateOf(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}

/** The user name is an account's only unique field that a caller chooses. */
function usernameTaken(error: unknown): never {
  throw isUniqueViolation(error) ? new DomainError('account.username-taken', { cause: error }) : error;
}
