import { Injectable } from '@nestjs/common';
import { isUniqueViolation, type Queryable, type SpaceRecord, SpaceRepository } from '@quayside/database';
import { DomainError, isId, newId } from '@quayside/domain';
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import type { Precondition } from '../http/etag.js';
import { mergePatch } from '../http/merge-patch.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import { parseOrRefuse } from '../http/validation.js';
import {
  editableOf,
  presentSpace,
  type SpaceInput,
  spaceInput,
  type SpaceOut,
  type SpaceQuery,
} from './spaces.schema.js';

@Injectable()
export class SpacesService {
  constructor(
    private readonly spaces: SpaceRepository,
    private readonly changes: ChangeLog,
  ) {}

  async create(actor: Actor, tenantId: string, input: SpaceInput): Promise<SpaceOut> {
    const id = newId();
    const create = this.changes.apply(actor, async (tx, queries) => {
      await this.spaces.insert(tx, { id, tenantId, ...columnsOf(input) });
      const space = presentSpace((await this.spaces.find(tenantId, id, queries))!);
      return { result: space, entry: { ...subject(tenantId, id), action: 'space.create', after: space } };
    });
    return create.catch(nameTaken);
  }

  list(tenantId: string, query: SpaceQuery): Promise<Page<SpaceOut>> {
    return readPage(
      {
        scope: { list: 'spaces', tenant: tenantId },
        query,
        isPosition: isTimeAndId,
        positionOf: (row: SpaceRecord) => [row.createdAt.toISOString(), row.id],
        read: (after, limit) => this.spaces.list(tenantId, after, limit),
      },
      presentSpace,
    );
  }

  async get(tenantId: string, id: string): Promise<SpaceOut> {
    const space = isId(id) ? await this.spaces.find(tenantId, id) : null;
    if (space === null) throw new DomainError('space.not-found');
    return presentSpace(space);
  }

  /** A lower quota keeps what is there and refuses growth. */
  async patch(
    actor: Actor,
    tenantId: string,
    id: string,
    precondition: Precondition,
    patch: unknown,
  ): Promise<SpaceOut> {
    const change = this.changes.apply(actor, async (tx, queries) => {
      const { space, stays } = await this.#lock(queries, tenantId, id);
      if (!stays) throw new DomainError('space.not-found', { detail: 'The space is being removed' });
      precondition.check(space.version);
      const before = editableOf(space);
      const after = parseOrRefuse(spaceInput, mergePatch(before, patch));
      if (isDeepStrictEqual(before, after)) return { result: presentSpace(space), entry: null };
      await this.spaces.update(tx, id, columnsOf(after));
      const result = presentSpace((await this.spaces.find(tenantId, id, queries))!);
      return { result, entry: { ...subject(tenantId, id), action: 'space.update', before, after } };
    });
    return change.catch(nameTaken);
  }

  /** Marks the space; the workers' upkeep removes its files, then its ledger and the space itself. Safe to repeat. */
  remove(
    actor: Actor,
    tenantId: string,
    id: string,
    precondition: Precondition,
    files: 'keep' | 'delete',
  ): Promise<SpaceOut> {
    return this.changes.apply(actor, async (tx, queries) => {
      const { space, stays } = await this.#lock(queries, tenantId, id);
      if (!stays) return { result: presentSpace(space), entry: null };
      precondition.check(space.version);
      if (space.mounts > 0) throw new DomainError('space.in-use', { detail: `${space.mounts} mounts` });
      if (files === 'keep' && isFilled(space)) {
        throw new DomainError('space.not-empty', { detail: `${space.filesUsed} files; files=delete removes them` });
      }
      if (!(await this.spaces.markRemoved(tx, tenantId, id))) throw new DomainError('space.in-use');
      const result = presentSpace((await this.spaces.find(tenantId, id, queries))!);
      const entry = {
        ...subject(tenantId, id),
        action: 'space.remove',
        before: presentSpace(space),
        after: result,
      };
      return { result, entry };
    });
  }

  /** Locked, so that nobody mounts it meanwhile; `stays` is false where it is being removed already. */
  async #lock(
    queries: Queryable,
    tenantId: string,
    id: string,
  ): Promise<{ readonly space: SpaceRecord; readonly stays: boolean }> {
    const locked = isId(id) ? await this.spaces.lock(queries, tenantId, [id]) : null;
    const space = locked === null ? null : await this.spaces.find(tenantId, id, queries);
    if (locked === null || space === null) throw new DomainError('space.not-found');
    return { space, stays: locked.has(id) };
  }
}

/** Also where an upload is under way, or incomplete and kept. */
function isFilled(space: SpaceRecord): boolean {
  return space.filesUsed !== 0 || space.bytesUsed !== 0 || space.bytesReserved !== 0;
}

function columnsOf({ name, quota }: SpaceInput) {
  return { name, bytesLimit: quota.bytes, filesLimit: quota.files };
}

function subject(tenantId: string, id: string) {
  return { tenantId, resource: 'space', resourceId: id };
}

/** The name is a space's only unique field that a caller chooses. */
function nameTaken(error: unknown): never {
  throw isUniqueViolation(error) ? new DomainError('space.name-taken', { cause: error }) : error;
}
