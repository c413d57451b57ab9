import type { Queryable, Statement } from '../database.js';

/** A worker process on its node, as it registers itself. */
export interface WorkerRegistration {
  readonly workerId: string;
  readonly nodeName: string;
  /** Id for the node where nobody of it has registered before. */
  readonly newNodeId: string;
  readonly version: string;
  readonly slot: number;
  readonly pid: number;
  /** Listening and passive ports, for the fleet list. */
  readonly ports: Readonly<Record<string, unknown>>;
}

const REGISTER: Statement = {
  name: 'worker-register',
  text: `
    WITH node AS (
      INSERT INTO node (id, name, version, started_at, heartbeat_at) VALUES ($1, $2, $3, now(), now())
      ON CONFLICT (name) DO UPDATE SET version = excluded.version, heartbeat_at = now()
      RETURNING id, draining
    ), worker AS (
      INSERT INTO worker (id, node_id, slot, pid, ports, started_at, heartbeat_at)
      SELECT $4, node.id, $5, $6, $7, now(), now() FROM node
    )
    SELECT id AS "nodeId", draining FROM node`,
};
const PREDECESSORS: Statement = {
  name: 'worker-predecessors',
  text: 'DELETE FROM worker WHERE node_id = $1 AND slot = $2 AND id <> $3 RETURNING id',
};
const HEARTBEAT: Statement = {
  name: 'worker-heartbeat',
  text: `
    WITH beat AS (UPDATE worker SET heartbeat_at = now() WHERE id = $1 RETURNING node_id)
    UPDATE node SET heartbeat_at = now() FROM beat WHERE node.id = beat.node_id RETURNING draining`,
};
const LEAVE: Statement = { name: 'worker-leave', text: 'DELETE FROM worker WHERE id = $1' };

/** Registration of worker processes; a worker's sessions go with its row. */
export class WorkerRepository {
  constructor(private readonly database: Queryable) {}

  /** Registers a process and removes what an earlier process of the same slot left behind. */
  async register(worker: WorkerRegistration): Promise<{ readonly nodeId: string; readonly draining: boolean }> {
    const [row] = await this.database.rows<{ nodeId: string; draining: boolean }>(REGISTER, [
      worker.newNodeId,
      worker.nodeName,
      worker.version,
      worker.workerId,
      worker.slot,
      worker.pid,
      JSON.stringify(worker.ports),
    ]);
    await this.database.rows(PREDECESSORS, [row!.nodeId, worker.slot, worker.workerId]);
    return row!;
  }

  /** False where the row is gone: the worker was taken for dead and has to register again. */
  async heartbeat(workerId: string): Promise<{ readonly registered: boolean; readonly draining: boolean }> {
    const [row] = await this.database.rows<{ draining: boolean }>(HEARTBEAT, [workerId]);
    return { registered: row !== undefined, draining: row?.draining ?? false };
  }

  async leave(workerId: string): Promise<void> {
    await this.database.rows(LEAVE, [workerId]);
  }
}
