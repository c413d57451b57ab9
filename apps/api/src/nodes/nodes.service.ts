import { Injectable } from '@nestjs/common';
import { type NodeRecord, NodesRepository } from '@quayside/database';
import { DomainError, isId } from '@quayside/domain';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import { type Page, readPage } from '../http/page.js';
import { isName } from '../http/positions.js';
import { type NodeOut, type NodeQuery, presentNode } from './nodes.schema.js';

/** The machines that run workers. */
@Injectable()
export class NodesService {
  constructor(
    private readonly nodes: NodesRepository,
    private readonly changes: ChangeLog,
  ) {}

  list(query: NodeQuery): Promise<Page<NodeOut>> {
    return readPage(
      {
        scope: { list: 'nodes' },
        query,
        isPosition: isName,
        positionOf: (row: NodeRecord) => [row.name],
        read: (after, limit) => this.nodes.list(after, limit),
      },
      presentNode,
    );
  }

  async get(id: string): Promise<NodeOut> {
    const node = isId(id) ? await this.nodes.find(id) : null;
    if (node === null) throw new DomainError('node.not-found');
    return presentNode(node);
  }

  /** A node that drains finishes its transfers and takes no new sessions, also after a restart, until it is told otherwise. */
  setDraining(actor: Actor, id: string, draining: boolean): Promise<NodeOut> {
    if (!isId(id)) throw new DomainError('node.not-found');
    return this.changes.apply(actor, async (_tx, queries) => {
      const before = await this.nodes.lock(queries, id);
      if (before === null) throw new DomainError('node.not-found');
      if (before.draining !== draining) await this.nodes.setDraining(id, draining, queries);
      const result = presentNode((await this.nodes.find(id, queries))!);
      const entry = {
        tenantId: null,
        action: draining ? 'node.drain' : 'node.undrain',
        resource: 'node',
        resourceId: id,
        before: { draining: before.draining },
        after: { draining },
      };
      return { result, entry: before.draining === draining ? null : entry };
    });
  }
}
