import { Inject, Injectable } from '@nestjs/common';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';

export interface NewNode {
  /** Used where no node has the name yet. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
}

export interface NewWorker {
  readonly id: string;
  readonly nodeId: string;
  readonly slot: number;
  readonly pid: number;
  /** Listener and passive ports. */
  readonly ports: Readonly<Record<string, unknown>>;
}

/** What a worker says about itself with its heartbeat. */
export interface WorkerLoad {
  /** False while it drains. */
  readonly accepting: boolean;
  /** Control connections, logged in or not. */
  readonly sessions: number;
  readonly transfers: number;
  /** `full`: it refuses uploads. */
  readonly spool: 'ok' | 'filling' | 'full';
  readonly spoolBytes: number;
  readonly spoolOldestSeconds: number;
  readonly rssBytes: number;
}

export interface NodeRecord {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly draining: boolean;
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
  readonly workers: readonly NodeWorkerRecord[];
  readonly sessions: number;
  readonly transfers: number;
}

/** Times as text, as PostgreSQL writes them into JSON. */
export interface NodeWorkerRecord {
  readonly id: string;
  readonly slot: number;
  readonly pid: number;
  readonly ports: Readonly<Record<string, unknown>>;
  /** Empty until its first heartbeat. */
  readonly load: Partial<WorkerLoad>;
  readonly startedAt: string;
  readonly heartbeatAt: string;
}

const REGISTER_NODE: Statement = {
  name: 'node_register',
  text: `INSERT INTO node (id, name, version, started_at, heartbeat_at) VALUES ($1, $2, $3, now(), now())
         ON CONFLICT (name) DO UPDATE SET version = excluded.version, heartbeat_at = now()
         RETURNING id, draining`,
};
const REGISTER_WORKER: Statement = {
  name: 'worker_register',
  text: `INSERT INTO worker (id, node_id, slot, pid, ports, started_at, heartbeat_at)
         VALUES ($1, $2, $3, $4, $5, now(), now())`,
};
const BEAT: Statement = {
  name: 'worker_beat',
  text: `WITH w AS (UPDATE worker SET heartbeat_at = now(), load = $2 WHERE id = $1 RETURNING node_id)
         UPDATE node n SET heartbeat_at = now() FROM w WHERE n.id = w.node_id RETURNING n.draining`,
};
const DRAINING: Statement = {
  name: 'worker_draining',
  text: 'SELECT n.draining FROM node n JOIN worker w ON w.node_id = n.id WHERE w.id = $1',
};
const REMOVE_WORKER: Statement = { name: 'worker_remove', text: 'DELETE FROM worker WHERE id = $1' };
const PREDECESSORS: Statement = {
  name: 'worker_predecessors',
  text: 'SELECT id FROM worker WHERE node_id = $1 AND slot = $2 AND id <> $3',
};
const REAP: Statement = {
  name: 'worker_reap',
  text: `DELETE FROM worker WHERE heartbeat_at < now() - $1 * interval '1 millisecond' RETURNING id`,
};
const DRAIN: Statement = { name: 'node_drain', text: 'UPDATE node SET draining = $2 WHERE id = $1::uuid RETURNING id' };
const SELECT = `
  SELECT n.id, n.name, n.version, n.draining, n.started_at AS "startedAt", n.heartbeat_at AS "heartbeatAt",
    coalesce((SELECT jsonb_agg(jsonb_build_object('id', w.id, 'slot', w.slot, 'pid', w.pid, 'ports', w.ports,
      'load', w.load, 'startedAt', w.started_at, 'heartbeatAt', w.heartbeat_at) ORDER BY w.slot, w.id)
      FROM worker w WHERE w.node_id = n.id), '[]') AS workers,
    (SELECT count(*)::int FROM ftp_session s JOIN worker w ON w.id = s.worker_id WHERE w.node_id = n.id) AS sessions,
    (SELECT count(*)::int FROM ftp_session s JOIN worker w ON w.id = s.worker_id
      WHERE w.node_id = n.id AND s.activity ? 'bytes') AS transfers
  FROM node n`;
const FIND: Statement = { name: 'node_find', text: `${SELECT} WHERE n.id = $1::uuid` };
const LOCK: Statement = { name: 'node_lock', text: 'SELECT draining FROM node WHERE id = $1::uuid FOR NO KEY UPDATE' };
const LIST_ORDER: readonly SortKey[] = [{ column: 'n.name', type: 'text' }];
// Its workers are gone; one that comes back registers again.
const REAP_NODES: Statement = {
  name: 'node_reap',
  text: `DELETE FROM node n WHERE n.heartbeat_at < now() - $1::bigint * interval '1 millisecond' AND NOT n.draining
           AND NOT EXISTS (SELECT FROM worker w WHERE w.node_id = n.id) RETURNING id`,
};

/** The fleet: nodes, their workers, and who is alive. */
@Injectable()
export class NodesRepository {
  constructor(@Inject(Database) private readonly database: Queryable) {}

  /** Nodes are known by name; one that comes back keeps its id and its draining flag. */
  async registerNode(node: NewNode): Promise<{ readonly id: string; readonly draining: boolean }> {
    const [row] = await this.database.rows<{ id: string; draining: boolean }>(REGISTER_NODE, [
      node.id,
      node.name,
      node.version,
    ]);
    return row!;
  }

  async registerWorker(worker: NewWorker): Promise<void> {
    await this.database.rows(REGISTER_WORKER, [
      worker.id,
      worker.nodeId,
      worker.slot,
      worker.pid,
      JSON.stringify(worker.ports),
    ]);
  }

  /** Null where the worker has been taken for dead and removed: it must register again. */
  async beat(workerId: string, load: WorkerLoad): Promise<{ readonly draining: boolean } | null> {
    const [row] = await this.database.rows<{ draining: boolean }>(BEAT, [workerId, JSON.stringify(load)]);
    return row ?? null;
  }

  /** Whether the worker's node is to be drained; null where the worker has been removed. */
  async isDraining(workerId: string): Promise<boolean | null> {
    const [row] = await this.database.rows<{ draining: boolean }>(DRAINING, [workerId]);
    return row?.draining ?? null;
  }

  /** Earlier processes of a slot that have not signed off. */
  async predecessors(worker: NewWorker): Promise<string[]> {
    const rows = await this.database.rows<{ id: string }>(PREDECESSORS, [worker.nodeId, worker.slot, worker.id]);
    return rows.map(({ id }) => id);
  }

  /** A worker that ends; its session rows go with it, its leases do not. */
  async removeWorker(workerId: string): Promise<void> {
    await this.database.rows(REMOVE_WORKER, [workerId]);
  }

  /** Remove workers without a heartbeat for `staleMs`, with their session rows; resolves to their ids. */
  async reapWorkers(staleMs: number): Promise<string[]> {
    const rows = await this.database.rows<{ id: string }>(REAP, [staleMs]);
    return rows.map(({ id }) => id);
  }

  /** Forget nodes that nobody has heard of for `staleMs`; one that is to be drained is remembered. */
  async reapNodes(staleMs: number): Promise<string[]> {
    const rows = await this.database.rows<{ id: string }>(REAP_NODES, [staleMs]);
    return rows.map(({ id }) => id);
  }

  /** Resolves to whether there is such a node. A trigger tells its workers at once. */
  async setDraining(nodeId: string, draining: boolean, queries: Queryable = this.database): Promise<boolean> {
    return (await queries.rows(DRAIN, [nodeId, draining])).length === 1;
  }

  /** Locks the node until the transaction ends; null where there is none. */
  async lock(queries: Queryable, nodeId: string): Promise<{ readonly draining: boolean } | null> {
    const [row] = await queries.rows<{ draining: boolean }>(LOCK, [nodeId]);
    return row ?? null;
  }

  async find(nodeId: string, queries: Queryable = this.database): Promise<NodeRecord | null> {
    const [row] = await queries.rows<NodeRecord>(FIND, [nodeId]);
    return row ?? null;
  }

  /** By name. */
  list(after: readonly unknown[] | null, limit: number): Promise<NodeRecord[]> {
    const { statement, values } = new ListQuery()
      .after(LIST_ORDER, false, after)
      .build(SELECT, LIST_ORDER, false, limit);
    return this.database.rows<NodeRecord>(statement, values);
  }
}
