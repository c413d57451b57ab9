import { Injectable } from '@nestjs/common';
import { type RecountRecord, RecountRepository, SpaceRepository } from '@quayside/database';
import { DomainError, isId, newId } from '@quayside/domain';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import {
  presentRecount,
  presentSummary,
  type RecountInput,
  type RecountOut,
  type RecountQuery,
  type RecountSummary,
} from './recounts.schema.js';

/** Spaces that an answer shows. */
const MOST_RESULTS = 1_000;

/** Comparisons of ledgers and files; the workers, who hold the files, carry them out. */
@Injectable()
export class RecountsService {
  constructor(
    private readonly recounts: RecountRepository,
    private readonly spaces: SpaceRepository,
    private readonly changes: ChangeLog,
  ) {}

  async start(actor: Actor, tenantId: string, { space, repair }: RecountInput): Promise<RecountOut> {
    const id = newId();
    await this.changes.apply(actor, async (_tx, queries) => {
      if (space !== undefined && (await this.spaces.find(tenantId, space, queries)) === null) {
        throw new DomainError('space.not-found');
      }
      await this.recounts.insert(queries, { id, tenantId, spaceId: space ?? null, repair });
      const after = { space: space ?? null, repair };
      return { result: null, entry: { tenantId, action: 'recount.start', resource: 'recount', resourceId: id, after } };
    });
    return this.get(tenantId, id);
  }

  list(tenantId: string, query: RecountQuery): Promise<Page<RecountSummary>> {
    return readPage(
      {
        scope: { list: 'recounts', tenant: tenantId },
        query,
        isPosition: isTimeAndId,
        positionOf: (row: RecountRecord) => [row.createdAt.toISOString(), row.id],
        read: (after, limit) => this.recounts.list(tenantId, after, limit),
      },
      presentSummary,
    );
  }

  async get(tenantId: string, id: string): Promise<RecountOut> {
    const recount = isId(id) ? await this.recounts.find(tenantId, id) : null;
    if (recount === null) throw new DomainError('recount.not-found');
    const spaces = await this.recounts.spaces(id, MOST_RESULTS + 1);
    return presentRecount(recount, spaces.slice(0, MOST_RESULTS), spaces.length > MOST_RESULTS);
  }
}
