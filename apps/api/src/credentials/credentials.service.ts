import { Injectable } from '@nestjs/common';
import {
  type AccountRecord,
  AccountRepository,
  type CredentialRecord,
  CredentialRepository,
  type CredentialRestrictions,
  isUniqueViolation,
  type Queryable,
} from '@quayside/database';
import { DomainError, generatePassword, isId, newId } from '@quayside/domain';
import { PasswordHasher } from '@quayside/passwords';
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import type { Precondition } from '../http/etag.js';
import { mergePatch } from '../http/merge-patch.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import { parseOrRefuse } from '../http/validation.js';
import {
  type CreateCredential,
  type CreatedCredential,
  type CredentialOut,
  type CredentialQuery,
  type EditableCredential,
  editableCredential,
  editableOf,
  presentCredential,
} from './credentials.schema.js';

/** A wrong password costs a login one hash for each of them. */
const MOST_CREDENTIALS = 20;

/** The passwords of an account: the main one, which goes with the account, and labelled extra ones. */
@Injectable()
export class CredentialsService {
  constructor(
    private readonly credentials: CredentialRepository,
    private readonly accounts: AccountRepository,
    private readonly passwords: PasswordHasher,
    private readonly changes: ChangeLog,
  ) {}

  async create(actor: Actor, tenantId: string, account: string, input: CreateCredential): Promise<CreatedCredential> {
    const { id: accountId } = await this.#account(tenantId, account);
    const { password = generatePassword(), label, ...restrictions } = input;
    // Hashing takes a while, so it is done before the transaction takes its locks.
    const hash = await this.passwords.hash(password);
    const id = newId();
    const create = this.changes.apply(actor, async (tx, queries) => {
      // Locked, so that concurrent creations are counted one after the other.
      if ((await this.accounts.lock(queries, tenantId, accountId)) === null) throw new DomainError('account.not-found');
      if ((await this.credentials.count(queries, tenantId, accountId)) >= MOST_CREDENTIALS) {
        throw new DomainError('credential.limit', { detail: `The limit is ${MOST_CREDENTIALS}` });
      }
      await this.credentials.insert(tx, { id, tenantId, accountId, label, hash, ...columnsOf(restrictions) });
      const credential = presentCredential((await this.credentials.find(tenantId, accountId, id, queries))!);
      return {
        result: credential,
        entry: { ...subject(tenantId, accountId, id), action: 'credential.create', after: credential },
      };
    });
    const credential = await create.catch(labelTaken);
    return input.password === undefined ? { ...credential, password } : credential;
  }

  async list(tenantId: string, account: string, query: CredentialQuery): Promise<Page<CredentialOut>> {
    const { id: accountId } = await this.#account(tenantId, account);
    return readPage(
      {
        scope: { list: 'credentials', account: accountId },
        query,
        isPosition: isTimeAndId,
        positionOf: (row: CredentialRecord) => [row.createdAt.toISOString(), row.id],
        read: (after, limit) => this.credentials.list(tenantId, accountId, after, limit),
      },
      presentCredential,
    );
  }

  async get(tenantId: string, account: string, id: string): Promise<CredentialOut> {
    const { id: accountId } = await this.#account(tenantId, account);
    const credential = isId(id) ? await this.credentials.find(tenantId, accountId, id) : null;
    if (credential === null) throw new DomainError('credential.not-found');
    return presentCredential(credential);
  }

  async patch(
    actor: Actor,
    tenantId: string,
    account: string,
    id: string,
    precondition: Precondition,
    patch: unknown,
  ): Promise<CredentialOut> {
    const { id: accountId } = await this.#account(tenantId, account);
    const read = isId(id) ? await this.credentials.find(tenantId, accountId, id) : null;
    if (read === null) throw new DomainError('credential.not-found');
    precondition.check(read.revision);
    // Hashed before the transaction, which would otherwise hold its locks meanwhile.
    const { password } = edited(editableOf(read), patch);
    const hash = password === undefined ? undefined : await this.passwords.hash(password);

    const change = this.changes.apply(actor, async (tx, queries) => {
      const credential = await this.#lock(queries, tenantId, accountId, id, precondition);
      const before = editableOf(credential);
      const { password: _, ...after } = edited(before, patch);
      if (hash === undefined && isDeepStrictEqual(before, after)) {
        return { result: presentCredential(credential), entry: null };
      }
      await this.credentials.update(tx, id, { label: after.label, hash, ...columnsOf(after) });
      const result = presentCredential((await this.credentials.find(tenantId, accountId, id, queries))!);
      const entry = {
        ...subject(tenantId, accountId, id),
        action: 'credential.update',
        before,
        after: hash === undefined ? after : { ...after, passwordChanged: true },
      };
      return { result, entry };
    });
    return change.catch(labelTaken);
  }

  /** The sessions that it opened end. */
  async delete(actor: Actor, tenantId: string, account: string, id: string, precondition: Precondition): Promise<void> {
    const { id: accountId } = await this.#account(tenantId, account);
    await this.changes.apply(actor, async (tx, queries) => {
      const credential = await this.#lock(queries, tenantId, accountId, id, precondition);
      if (credential.label === null) throw new DomainError('credential.required');
      await this.credentials.delete(tx, id);
      const before = presentCredential(credential);
      return {
        result: undefined,
        entry: { ...subject(tenantId, accountId, id), action: 'credential.delete', before },
      };
    });
  }

  async #account(tenantId: string, account: string): Promise<AccountRecord> {
    const found = await this.accounts.find(tenantId, account);
    if (found === null) throw new DomainError('account.not-found');
    return found;
  }

  async #lock(
    queries: Queryable,
    tenantId: string,
    accountId: string,
    id: string,
    precondition: Precondition,
  ): Promise<CredentialRecord> {
    const credential = isId(id) ? await this.credentials.lock(queries, tenantId, accountId, id) : null;
    if (credential === null) throw new DomainError('credential.not-found');
    precondition.check(credential.revision);
    return credential;
  }
}

/** The patched credential. The main password has no label, and an extra one always has. */
function edited(present: EditableCredential, patch: unknown): EditableCredential {
  const after = parseOrRefuse(editableCredential, { label: null, ...(mergePatch(present, patch) as object) });
  if ((after.label === null) === (present.label === null)) return after;
  const message = present.label === null ? 'the main password has none' : 'is required';
  throw new DomainError('request.invalid', { detail: 'Check label', faults: [{ field: 'label', message }] });
}

function columnsOf(input: Omit<EditableCredential, 'label' | 'password'>): CredentialRestrictions {
  const { addresses, pathPrefix, readOnly, tlsOnly } = input;
  const expiresAt = input.expiresAt === null ? null : new Date(input.expiresAt);
  return { expiresAt, addresses, pathPrefix, readOnly, tlsOnly };
}

function subject(tenantId: string, accountId: string, id: string) {
  return { tenantId, accountId, resource: 'credential', resourceId: id };
}

/** The label is a credential's only unique field that a caller chooses. */
function labelTaken(error: unknown): never {
  throw isUniqueViolation(error) ? new DomainError('credential.label-taken', { cause: error }) : error;
}
