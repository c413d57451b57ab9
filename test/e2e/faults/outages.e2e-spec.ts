import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '../installation.js';
import { startFaultFixture, type FaultFixture, type QueueBackend } from './fault-fixture.js';
import { checkContents, checkInvariants } from './invariants.js';
import { hasRedis } from './redis-server.js';

jest.setTimeout(300_000);

/** How long what is stopped stays away; FAULT_OUTAGE_SECONDS=30 for the full length. */
const OUTAGE_MS = Number(process.env['FAULT_OUTAGE_SECONDS'] ?? 4) * 1_000;
const backends: readonly QueueBackend[] = hasRedis ? ['PostgreSQL', 'Redis'] : ['PostgreSQL'];
if (!hasRedis) process.stderr.write('redis-server is not installed: the outages of Redis are skipped\n');

let fixture: FaultFixture;
afterEach(() => fixture.stop());

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(backends)('with the queue on %s', (backend) => {
  it('loses and doubles nothing while PostgreSQL is stopped, and goes on uploading where no limit is asked', async () => {
    fixture = await startFaultFixture(backend);
    const load = fixture.load({ clients: 6 });
    await eventually(() => expect(load.answered).toBeGreaterThan(50), 30_000);
    await fixture.postgres.stop();
    const before = load.answered;
    await wait(OUTAGE_MS);
    expect(load.answered).toBeGreaterThan(before + 20);
    await fixture.postgres.resume();
    const after = load.answered;
    await eventually(() => expect(load.answered).toBeGreaterThan(after + 50), 60_000);
    await load.stop();
    const found = await checkInvariants(fixture.server, fixture.postgres.url, load);
    expect(found.answered).toBeGreaterThan(100);
    checkContents(fixture.server, load);
  });
});

(hasRedis ? describe : describe.skip)('Redis', () => {
  it('is killed and comes back empty: what it had taken is published again, and applied once', async () => {
    fixture = await startFaultFixture('Redis');
    const { server, redis, postgres } = fixture;
    const load = fixture.load({ clients: 6 });
    await eventually(() => expect(load.answered).toBeGreaterThan(50), 30_000);
    // While the consumer cannot take them, jobs pile up in Redis, and are lost with it.
    process.kill(server.children().get('event-consumer')!, 'SIGSTOP');
    const before = load.answered;
    await eventually(() => expect(load.answered).toBeGreaterThan(before + 100), 30_000);
    await wait(500);
    await redis!.kill();
    process.kill(server.children().get('event-consumer')!, 'SIGCONT');
    await wait(OUTAGE_MS);
    await redis!.resume();
    await eventually(() => expect(load.answered).toBeGreaterThan(before + 200), 30_000);
    await load.stop();
    await checkInvariants(server, postgres.url, load);
    checkContents(server, load);
    expect(server.logRecords().some(({ msg }) => msg.startsWith('The queue has lost events'))).toBe(true);
  });

  it('forgets everything while it runs, and nothing is lost', async () => {
    fixture = await startFaultFixture('Redis');
    const { server, redis, postgres } = fixture;
    const load = fixture.load({ clients: 4 });
    for (let round = 0; round < 3; round++) {
      const before = load.answered;
      await eventually(() => expect(load.answered).toBeGreaterThan(before + 50), 30_000);
      await redis!.kill();
      await redis!.resume();
    }
    await load.stop();
    await checkInvariants(server, postgres.url, load);
  });
});
