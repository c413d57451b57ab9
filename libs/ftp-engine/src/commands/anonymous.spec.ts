import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OPEN_POLICY, parsePath, restrictToAnonymous } from '@quayside/domain';
import { aGrant, type EngineFixture, type RawFtpClient, startEngine } from '@quayside/testing';

let fixture: EngineFixture;
let client: RawFtpClient;
const anonymous = { dropFolder: parsePath('/incoming') };
const owner = aGrant({ username: 'public' });
const visitor = { ...owner, anonymous, policy: restrictToAnonymous(OPEN_POLICY, anonymous) };

beforeEach(async () => {
  fixture = await startEngine();
  fixture.ports.addAccount('public', owner, 'secret');
  fixture.ports.addAccount('ftp', visitor, '');
  const files = await fixture.connect();
  await files.reply();
  await files.expect('USER public', 331);
  await files.expect('PASS secret', 230);
  await files.expect('MKD /incoming', 257);
  await store(files, '/readme', 150, 'hello');
  await store(files, '/incoming/secret', 150, 'mine');
  client = await fixture.connect();
  await client.reply();
  expect((await client.expect('USER ftp', 331)).text).toContain('e-mail');
  await client.expect('PASS', 230);
});
afterEach(() => fixture.stop());

async function store(session: RawFtpClient, path: string, code: number, bytes: string): Promise<string> {
  await session.expect('TYPE I', 200);
  const data = await session.passive();
  data.on('error', () => {});
  const { text } = await session.expect(`STOR ${path}`, code);
  if (code !== 150) return text;
  data.end(bytes);
  expect((await session.reply()).code).toBe(226);
  return text;
}

describe('an anonymous visitor (SEMANTICS §8)', () => {
  it('reads and lists', async () => {
    await client.expect('SIZE /readme', 550);
    await client.expect('TYPE I', 200);
    await client.expect('SIZE /readme', 213);
    const data = await client.passive();
    const chunks: Buffer[] = [];
    data.on('data', (chunk: Buffer) => chunks.push(chunk));
    const closed = once(data, 'close');
    await client.expect('RETR /readme', 150);
    expect((await client.reply()).code).toBe(226);
    await closed;
    expect(Buffer.concat(chunks).toString()).toBe('hello');
  });

  it.each([
    'DELE /readme',
    'RNFR /readme',
    'MKD /new',
    'RMD /incoming',
    'SITE CHMOD 777 /readme',
    'MFMT 20200101000000 /readme',
    'DELE /incoming/secret',
    'RNFR /incoming/secret',
    'MKD /incoming/new',
  ])('may not %s', async (line) => {
    await client.expect(line, 550);
  });

  it('may not store, append or overwrite outside the drop box', async () => {
    await store(client, '/readme', 550, '');
    await store(client, '/new', 550, '');
    await client.expect('APPE /readme', 550);
    await client.expect('APPE /incoming/secret', 550);
  });

  it('leaves files in the drop box, each under a name of its own, and sees none of them', async () => {
    const names = [];
    for (const round of ['one', 'two'])
      names.push((await store(client, '/incoming/secret', 150, round)).split('FILE: ')[1]!.trim());
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^secret\.[0-9a-f]{12}$/);
    for (const name of ['secret', names[0]]) {
      await client.expect(`SIZE /incoming/${name}`, 550);
      await client.expect(`MLST /incoming/${name}`, 550);
      await client.passive();
      await client.expect(`RETR /incoming/${name}`, 550);
    }
    for (const verb of ['LIST', 'NLST', 'MLSD']) await client.expect(`${verb} /incoming`, 550);
    await client.expect('STAT /incoming', 550);
  });

  it('is refused names that the policy of the account refuses', async () => {
    const policy = {
      ...OPEN_POLICY,
      mayCreate: () => false,
      nameRule: () => ({ source: 'tenant', policyId: null, rule: 'deny *.php' }),
    };
    fixture.ports.addAccount('anonymous', { ...visitor, policy: restrictToAnonymous(policy, anonymous) }, '');
    const other = await fixture.connect();
    await other.reply();
    await other.expect('USER anonymous', 331);
    await other.expect('PASS ', 230);
    await store(other, '/incoming/x.php', 553, '');
  });
});
