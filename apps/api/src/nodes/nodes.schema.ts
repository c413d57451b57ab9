import type { NodeRecord } from '@quayside/database';
import { z } from 'zod';
import { count, id, time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

/** Workers beat every few seconds. */
const ALIVE_MS = 30_000;

export const nodeQuery = z.strictObject(pageParameters);
export type NodeQuery = z.output<typeof nodeQuery>;

export const nodeOut = z
  .object({
    id,
    name: z.string(),
    version: z.string(),
    state: z
      .enum(['serving', 'draining', 'drained', 'silent'])
      .describe(
        '`drained`: every worker takes no sessions and has none left. `silent`: not heard of within 30 seconds.',
      ),
    alive: z.boolean().describe('Whether it has been heard of within 30 seconds.'),
    draining: z.boolean().describe('Whether it takes no new sessions and ends those without a transfer.'),
    sessions: count,
    transfers: count.describe('Sessions with a running transfer.'),
    startedAt: time,
    heartbeatAt: time,
    workers: z.array(
      z.object({
        id,
        slot: z.int(),
        pid: z.int(),
        ports: z.record(z.string(), z.unknown()),
        load: z
          .object({
            accepting: z.boolean().describe('Whether it takes new sessions.'),
            sessions: count.describe('Control connections, logged in or not.'),
            transfers: count,
            spool: z
              .enum(['ok', 'filling', 'full'])
              .describe('`filling` from half of SPOOL_MAX_BYTES on; `full`: the worker refuses uploads.'),
            spoolBytes: count.describe('Size of the records that are not yet in ledger and event log.'),
            spoolOldestSeconds: count,
            rssBytes: count.describe('Memory of the process.'),
          })
          .partial()
          .describe('What it said with its last heartbeat; empty before the first.'),
        startedAt: time,
        heartbeatAt: time,
      }),
    ),
  })
  .meta({ id: 'Node' });
export type NodeOut = z.output<typeof nodeOut>;

export const nodePage = pageOf('NodePage', nodeOut);

export function presentNode(node: NodeRecord): NodeOut {
  const alive = node.workers.length > 0 && Date.now() - node.heartbeatAt.getTime() < ALIVE_MS;
  return {
    ...node,
    state: alive ? stateOf(node) : 'silent',
    alive,
    startedAt: node.startedAt.toISOString(),
    heartbeatAt: node.heartbeatAt.toISOString(),
    workers: node.workers.map((worker) => ({
      ...worker,
      ports: { ...worker.ports },
      startedAt: new Date(worker.startedAt).toISOString(),
      heartbeatAt: new Date(worker.heartbeatAt).toISOString(),
    })),
  };
}

function stateOf({ draining, sessions, workers }: NodeRecord): 'serving' | 'draining' | 'drained' {
  if (!draining) return 'serving';
  const rests = workers.every(({ load }) => load.accepting === false && load.sessions === 0);
  return rests && sessions === 0 ? 'drained' : 'draining';
}
