import { describe, expect, it } from '@jest/globals';
import type { SessionView, TransferFacts } from '@quayside/ftp-engine';
import { createMetrics } from '@quayside/observability';
import { WorkerFigures, type WorkerFiguresParts } from './worker-figures.js';

const SESSION = { protocol: 'ftps' } as const;

function figures() {
  const sessions: Pick<SessionView, 'transfer'>[] = [];
  const parts = {
    metrics: createMetrics({ app: 'ftp-worker', worker: '0' }),
    engine: () => ({
      accepting: true,
      sessions: () => sessions,
      counts: () => null,
      replies: () => [0, 1, 5, 2, 0, 3],
    }),
    events: {
      stats: () => ({ bytes: 10, maxBytes: 100, depth: 2, state: 'ok', failures: 4, droppedFacts: 0, oldestMs: 1_500 }),
    },
    leases: { stats: () => ({ waiting: 1, refused: 6 }) },
    passwords: { load: { running: 2, waiting: 7 } },
    database: { pool: { totalCount: 5, idleCount: 3, waitingCount: 1 }, rows: () => Promise.reject(new Error('away')) },
  };
  return { sessions, worker: new WorkerFigures(parts as unknown as WorkerFiguresParts) };
}

function ended(bytes: number): TransferFacts {
  return { direction: 'upload', outcome: 'completed', bytes } as TransferFacts;
}

describe('WorkerFigures', () => {
  it('shows what passed and how things are, the same however often it is read', async () => {
    const { worker } = figures();
    worker.fact(SESSION, { type: 'session.opened' });
    worker.fact(SESSION, { type: 'login.succeeded' });
    worker.transfer(SESSION, ended(1_000));
    await worker.text();
    const text = await worker.text();
    const labels = 'app="ftp-worker",worker="0"';
    for (const line of [
      `quayside_ftp_sessions_total{protocol="ftps",${labels}} 1`,
      `quayside_ftp_logins_total{result="ok",${labels}} 1`,
      `quayside_ftp_transfers_total{direction="upload",outcome="completed",protocol="ftps",${labels}} 1`,
      `quayside_ftp_transfer_bytes_total{direction="upload",${labels}} 1000`,
      `quayside_ftp_commands_total{reply="5xx",${labels}} 3`,
      `quayside_spool_bytes{${labels}} 10`,
      `quayside_spool_oldest_seconds{${labels}} 1.5`,
      `quayside_spool_failures{${labels}} 4`,
      `quayside_quota_lease_refusals_total{${labels}} 6`,
      `quayside_quota_lease_waits{${labels}} 1`,
      `quayside_password_jobs{state="waiting",${labels}} 7`,
      `quayside_database_connections{state="busy",${labels}} 2`,
      `quayside_database_up{${labels}} 0`,
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
  });

  it('counts the bytes of a running transfer once, while it runs and after', async () => {
    const { worker, sessions } = figures();
    const bytes = async (): Promise<string | undefined> =>
      /transfer_bytes_total\{direction="upload"[^}]*\} (\d+)/.exec(await worker.text())?.[1];
    sessions.push({ transfer: { verb: 'STOR', path: '/a', bytes: 600, startedAtMs: 0 } });
    expect(await bytes()).toBe('600');
    sessions.pop();
    expect(await bytes()).toBe('600');
    worker.transfer(SESSION, ended(900));
    expect(await bytes()).toBe('900');
  });
});
