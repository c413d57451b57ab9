import { Inject, Injectable } from '@nestjs/common';
import { Database, type Statement } from '@quayside/database';
import type { Metrics } from '@quayside/observability';
import { StreamHub } from '../stream/stream-hub.js';
import { METRICS } from './metrics.js';

const FIGURES: Statement = {
  name: 'fleet-figures',
  text: `
    SELECT (SELECT count(*)::int FROM ftp_session) AS sessions, (SELECT count(*)::int FROM outbox) AS outbox,
      count(*) FILTER (WHERE n.heartbeat_at > now() - interval '30 seconds' AND NOT n.draining)::int AS serving,
      count(*) FILTER (WHERE n.heartbeat_at > now() - interval '30 seconds' AND n.draining)::int AS draining,
      count(*) FILTER (WHERE n.heartbeat_at <= now() - interval '30 seconds')::int AS silent
    FROM node n`,
};
/** Prometheus waits 10 s for everything. */
const DEADLINE_MS = 3_000;

interface Figures {
  readonly sessions: number;
  readonly outbox: number;
  readonly serving: number;
  readonly draining: number;
  readonly silent: number;
}

/** What the database knows of the whole installation, read when metrics are. */
@Injectable()
export class FleetFigures {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(METRICS) private readonly metrics: Metrics,
    private readonly streams: StreamHub,
  ) {}

  /** Never fails: that the database does not answer is a figure too. */
  async refresh(): Promise<void> {
    const { metrics } = this;
    metrics.streamClients.set(this.streams.clients);
    try {
      const figures = await this.#read();
      metrics.databaseUp.set(1);
      metrics.liveSessions.set(figures.sessions);
      metrics.outboxRows.set(figures.outbox);
      for (const state of ['serving', 'draining', 'silent'] as const) metrics.nodes.set({ state }, figures[state]);
    } catch {
      metrics.databaseUp.set(0);
    }
  }

  async #read(): Promise<Figures> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the database did not answer')), DEADLINE_MS);
    });
    const read = this.database.rows<Figures>(FIGURES);
    // The loser of the race has no other reader.
    read.catch(() => undefined);
    try {
      const [figures] = await Promise.race([read, late]);
      return figures!;
    } finally {
      clearTimeout(timer);
    }
  }
}
