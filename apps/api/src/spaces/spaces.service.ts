import { Injectable } from '@nestjs/common';
import { type SpaceRecord, SpaceRepository } from '@quayside/database';
import { DomainError, isId } from '@quayside/domain';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import type { Precondition } from '../http/etag.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import { presentSpace, type SpaceOut, type SpaceQuery } from './spaces.schema.js';

@Injectable()
export class SpacesService {
  constructor(
    private readonly spaces: SpaceRepository,
    private readonly changes: ChangeLog,
  ) {}

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

  /** Marks the space; the workers' upkeep removes its files, then its ledger and the space itself. Safe to repeat. */
  async remove(actor: Actor, tenantId: string, id: string, precondition: Precondition): Promise<SpaceOut> {
    if (!isId(id)) throw new DomainError('space.not-found');
    return this.changes.apply(actor, async (tx, queries) => {
      const space = await this.spaces.find(tenantId, id, queries);
      if (space === null) throw new DomainError('space.not-found');
      if (space.removedAt !== null) return { result: presentSpace(space), entry: null };
      precondition.check(space.version);
      if (!(await this.spaces.markRemoved(tx, tenantId, id))) throw new DomainError('space.in-use');
      const result = presentSpace((await this.spaces.find(tenantId, id, queries))!);
      const entry = {
        tenantId,
        action: 'space.remove',
        resource: 'space',
        resourceId: id,
        before: presentSpace(space),
        after: result,
      };
      return { result, entry };
    });
  }
}
