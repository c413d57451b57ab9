import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DomainError, maskOf, OPEN_POLICY, type SessionGrant } from '@quayside/domain';
import { aGrant, aMount, type EngineFixture, type RawFtpClient, startEngine } from '@quayside/testing';
import type { TransferMeter } from '../ports.js';

const A_RULE = { source: 'account', policyId: null, rule: 'deny name *' };

let fixture: EngineFixture;
let client: RawFtpClient;
let grant: SessionGrant;

beforeEach(async () => {
  fixture = await startEngine();
  grant = aGrant();
  fixture.ports.addAccount('bob', grant);
  client = await fixture.login();
  await client.expect('TYPE I', 200);
});
afterEach(() => fixture.stop());

function replace(changes: Partial<SessionGrant>): void {
  const id = fixture.engine.sessions().find(({ login }) => login === grant.login)!.id;
  fixture.engine.replaceGrant(id, { ...grant, ...changes });
}

describe('a change of the rules during an upload', () => {
  it.each<[string, Partial<SessionGrant>]>([
    ['the status becomes read-only', { status: 'read_only', statusText: 'Please call us' }],
    ['the folder is no longer mounted', { mounts: [] }],
    ['another space is mounted there', { mounts: [aMount()] }],
    ['a file-name rule forbids it', { policy: { ...OPEN_POLICY, mayCreate: () => false, nameRule: () => A_RULE } }],
    ['the permission is taken away', { policy: { ...OPEN_POLICY, permissionsAt: () => maskOf(['list']) } }],
  ])('stops it where %s', async (_why, changes) => {
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    data.write('begun');
    replace(changes);
    expect((await client.reply()).code).toBe(426);
    expect(fixture.ports.journal.of('upload.failed').at(-1)!.facts.reason).toBe('ACCESS_LOST');
    await client.expect('NOOP', 200);
  });

  it('leaves it alone where it is still allowed', async () => {
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    replace({ policy: { ...OPEN_POLICY, permissionsAt: () => maskOf(['upload', 'overwrite']) } });
    data.end('whole');
    expect((await client.reply()).code).toBe(226);
  });

  it('holds it to a new cap of the file size', async () => {
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    replace({ policy: { ...OPEN_POLICY, caps: { fileSize: 4 } } });
    data.end('too long');
    expect((await client.reply()).code).toBe(552);
  });

  it('lets it go on when a rate of 0 is lifted', async () => {
    replace({ policy: { ...OPEN_POLICY, caps: { uploadRate: 0 } } });
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    data.end('waits');
    replace({});
    expect((await client.reply()).code).toBe(226);
  });
});

describe('metered transfers', () => {
  const meter = (changes: Partial<TransferMeter>): TransferMeter => ({
    isFree: false,
    take: () => 0,
    waitMs: () => 0,
    close: () => undefined,
    ...changes,
  });
  const usedUp = (): never => {
    throw new DomainError('quota.traffic');
  };

  it('are refused before the 150 when the month is used up, and stopped when it ends in the middle', async () => {
    const put = async (): Promise<number> => {
      const data = await client.passive();
      data.on('error', () => {});
      const first = await client.command('STOR a');
      if (first.code !== 150) return first.code;
      data.end('bytes');
      return (await client.reply()).code;
    };
    expect(await put()).toBe(226);
    fixture.ports.metering = { open: () => Promise.resolve(meter({ take: usedUp })) };
    expect(await put()).toBe(552);
    await client.passive();
    await client.expect('RETR a', 150);
    expect((await client.reply()).code).toBe(426);
    fixture.ports.metering = { open: () => Promise.reject(new DomainError('quota.traffic')) };
    expect(await put()).toBe(450);
    await client.passive();
    await client.expect('RETR a', 450);
  });
});
