import { afterEach, expect, it } from '@jest/globals';
import { type EngineFixture, ProtocolFuzzer, startEngine } from '@quayside/testing';

// `npm run fuzz -- --seed N --commands M` sets these.
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const COMMANDS = Number(process.env['FUZZ_COMMANDS'] ?? 1500);
/** Of the heap, after the run and a collection of whatever is left: far below what one leak per command would cost. */
const GROWTH_LIMIT = 128 * 1024 * 1024;

let fixture: EngineFixture;
afterEach(() => fixture.stop());

it(
  `serves on after ${COMMANDS} random commands (seed ${SEED})`,
  async () => {
    fixture = await startEngine({
      timeouts: { dataConnect: 50, stall: 200, idle: 2000, login: 2000 },
      limits: { loginFailures: 1000 },
    });
    // What is recorded would be the growth.
    fixture.ports.journal.entries.push = () => 0;
    const credentials = { user: 'bob', password: 'secret' };
    const before = process.memoryUsage().rss;
    const report = await new ProtocolFuzzer(fixture.port(), SEED, credentials).run(COMMANDS);
    expect(report).toMatchObject({ commands: COMMANDS, malformed: [] });
    expect(fixture.ports.complaints.map(({ message, fields }) => `${message} ${JSON.stringify(fields)}`)).toEqual([]);
    const client = await fixture.login();
    await client.expect('TYPE I', 200);
    const data = await client.passive();
    await client.expect('STOR after', 150);
    data.end('still here');
    expect((await client.reply()).code).toBe(226);
    expect(process.memoryUsage().rss - before).toBeLessThan(GROWTH_LIMIT);
  },
  60_000 + COMMANDS * 20,
);
