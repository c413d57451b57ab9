import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '../installation.js';
import { startFaultFixture, type FaultFixture, type QueueBackend } from './fault-fixture.js';
import { checkContents, checkInvariants } from './invariants.js';
import { hasRedis } from './redis-server.js';

jest.setTimeout(600_000);

/** FAULT_UPLOADS=2000 and FAULT_OUTAGE_SECONDS=10 for the full run. */
const UPLOADS = Number(process.env['FAULT_UPLOADS'] ?? 600);
const CLIENTS = 16;
const DATABASE_AWAY_MS = Number(process.env['FAULT_OUTAGE_SECONDS'] ?? 2) * 1_000;
/** A child that needs the database waits for it to come back. */
const backends: readonly QueueBackend[] = hasRedis ? ['PostgreSQL', 'Redis'] : ['PostgreSQL'];

let fixture: FaultFixture;
afterEach(() => fixture.stop());

describe.each(backends)('16 clients that try again, with the queue on %s', (backend) => {
  it('get every upload answered although each process is killed three times, and nothing is lost, doubled or invented', async () => {
    fixture = await startFaultFixture(backend);
    const { server, postgres, redis } = fixture;
    const startedMs = Date.now();
    const load = fixture.load({ clients: CLIENTS, files: UPLOADS });
    const database = async (signal: 'SIGINT' | 'SIGQUIT'): Promise<void> => {
      await postgres.stop(signal);
      await new Promise((resolve) => setTimeout(resolve, DATABASE_AWAY_MS));
      await postgres.resume();
    };
    const faults: [string, () => Promise<void>][] = [0, 1, 2].flatMap((round): [string, () => Promise<void>][] => [
      ['worker 1', () => server.killChild('ftp-worker-1')],
      ['consumer', () => server.killChild('event-consumer')],
      ['database', () => database(round === 1 ? 'SIGQUIT' : 'SIGINT')],
      ['worker 2', () => server.killChild('ftp-worker-2')],
      ['API', () => server.killChild('api')],
      ...(redis === null
        ? []
        : [['Redis', () => redis.kill().then(() => redis.resume())] as [string, () => Promise<void>]]),
    ]);
    // Each fault comes at a random moment of its share of the uploads, and no upload of the next share begins before.
    const share = Math.floor(UPLOADS / faults.length);
    for (const [index, [, fault]] of faults.entries()) {
      load.allow(share * (index + 1));
      const at = share * index + Math.floor((Math.random() * share) / 2);
      await eventually(() => expect(load.files.length).toBeGreaterThanOrEqual(at), 120_000);
      await fault();
    }
    load.allow(UPLOADS);
    await load.finished();
    const uploadedMs = Date.now() - startedMs;
    const found = await checkInvariants(server, postgres.url, load, 120_000);
    expect(found).toMatchObject({ answered: UPLOADS, missing: 0, duplicates: 0, invented: 0, files: UPLOADS });
    checkContents(server, load);
    const seconds = { uploads: uploadedMs / 1_000, all: (Date.now() - startedMs) / 1_000 };
    process.stdout.write(`${JSON.stringify({ backend, faults: faults.length, seconds, ...found })}\n`);
  });
});
