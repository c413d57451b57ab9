import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ALL_PERMISSIONS,
  maskOf,
  OPEN_POLICY,
  type AccessPolicy,
  type SessionGrant,
  type VirtualPath,
} from '@quayside/domain';
import { aGrant, aMount, type EngineFixture, type RawFtpClient, startEngine } from '@quayside/testing';

let fixture: EngineFixture;

async function start(overrides: Partial<SessionGrant>): Promise<RawFtpClient> {
  fixture = await startEngine();
  fixture.ports.addAccount('bob', aGrant(overrides));
  const client = await fixture.login();
  await client.expect('TYPE I', 200);
  return client;
}
afterEach(() => fixture.stop());

async function put(client: RawFtpClient, name: string, content: string): Promise<number> {
  const data = await client.passive();
  data.on('error', () => {});
  client.write(`STOR ${name}\r\n`);
  const first = await client.reply();
  data.end(content);
  return first.code === 150 ? (await client.reply()).code : first.code;
}

async function listing(client: RawFtpClient, line: string): Promise<string> {
  const data = await client.passive();
  let text = '';
  data.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const closed = once(data, 'close');
  await client.expect(line, 150);
  expect((await client.reply()).code).toBe(226);
  await closed;
  return text;
}

const path = (text: string): VirtualPath => text as VirtualPath;
const policy = (overrides: Partial<AccessPolicy>): AccessPolicy => ({ ...OPEN_POLICY, ...overrides });

describe('mounts', () => {
  const docs = aMount({ path: path('/shared/docs') });
  const home = aMount({ path: path('/home') });
  const mounts = [docs, home];

  it('show as folders, also where nothing but mounts is', async () => {
    const client = await start({ mounts });
    expect(await listing(client, 'NLST')).toBe('home\r\nshared\r\n');
    expect(await listing(client, 'NLST shared')).toBe('docs\r\n');
    await client.expect('CWD /shared/docs', 250);
    expect(await put(client, 'a', 'x')).toBe(226);
    expect(await listing(client, 'NLST /shared/docs')).toBe('a\r\n');
    expect(await listing(client, 'NLST /home')).toBe('');
    expect((await client.expect('MLST /shared', 250)).text).toContain('type=dir;');
  });

  it('can be neither removed nor renamed, and nothing is put between them', async () => {
    const client = await start({ mounts });
    for (const line of ['RMD /home', 'RNFR /home', 'DELE /home', 'MKD /home', 'MKD /other', 'RMD /shared']) {
      await client.expect(line, 550);
    }
    await client.passive();
    await client.expect('STOR /file', 550);
    await client.expect('STOR /home', 553);
  });

  it('exchange files and folders by rename; both ledgers change with one record', async () => {
    const client = await start({ mounts });
    await client.expect('MKD /home/dir', 257);
    await put(client, '/home/dir/a', 'hello');
    await put(client, '/home/b', 'x');
    await put(client, '/shared/docs/taken', 'the old');
    for (const [from, to] of [
      ['/home/dir', '/shared/docs/moved'],
      ['/home/b', '/shared/docs/taken'],
    ]) {
      await client.expect(`RNFR ${from}`, 350);
      await client.expect(`RNTO ${to}`, 250);
    }
    expect((await client.expect('SIZE /shared/docs/moved/a', 213)).text).toContain('5');
    expect((await client.expect('SIZE /shared/docs/taken', 213)).text).toContain('1');
    expect(await listing(client, 'NLST /home')).toBe('');
    expect(fixture.ports.quota.moves.map(({ bytes, files, folder }) => [bytes, files, folder])).toEqual([
      [5, 1, '/dir'],
      [-6, 0, null],
    ]);
    expect(fixture.ports.journal.of('move.done')).toMatchObject([
      { bytes: 5, files: 1, replacedBytes: null },
      { bytes: 1, files: 1, replacedBytes: 7 },
    ]);
  });

  it('of one space ask for no quota when something goes from one to the other', async () => {
    const pair = [docs, { ...home, spaceId: docs.spaceId }];
    const client = await start({ mounts: pair });
    await put(client, '/home/a', 'x');
    await client.expect('RNFR /home/a', 350);
    await client.expect('RNTO /shared/docs/b', 250);
    expect(fixture.ports.quota.moves).toEqual([]);
    expect(fixture.ports.journal.of('move.done')).toHaveLength(1);
  });

  it('refuse a rename over the quota of the target with 553, and nothing moves', async () => {
    const client = await start({ mounts });
    await put(client, '/home/a', 'x');
    fixture.ports.quota.growthLimit = 0;
    await client.expect('RNFR /home/a', 350);
    expect((await client.expect('RNTO /shared/docs/a', 553)).text).toContain('Quota exceeded');
    await client.expect('SIZE /home/a', 213);
    await client.expect('SIZE /shared/docs/a', 550);
  });

  it('give the reservation back where the move fails', async () => {
    const client = await start({ mounts });
    await put(client, '/home/a', 'x');
    await client.expect('RNFR /home/a', 350);
    await client.expect('RNTO /shared/docs/none/a', 553);
    expect(fixture.ports.quota.releasedMoves).toBe(1);
    expect(fixture.ports.journal.of('move.cancelled')).toHaveLength(1);
    await client.expect('SIZE /home/a', 213);
  });

  it('need the rights at both ends to take something over', async () => {
    const readOnly = { ...docs, permissions: maskOf(['list', 'download']) };
    for (const [pair, from, to] of [
      [[readOnly, home], '/home/a', '/shared/docs/a'],
      [[docs, { ...home, permissions: maskOf(['list', 'download', 'upload']) }], '/home/a', '/shared/docs/a'],
    ] as const) {
      const client = await start({ mounts: pair });
      await fixture.ports.backendOf(pair[1]).makeDirectory(path('/a'));
      const first = await client.command(`RNFR ${from}`);
      expect(first.code === 350 ? (await client.command(`RNTO ${to}`)).code : first.code).toBeGreaterThanOrEqual(550);
      await fixture.stop();
    }
    await start({ mounts });
  });

  it('inside the tree of another hide what that has at the name', async () => {
    const root = aMount();
    const client = await start({ mounts: [aMount({ path: path('/sub') }), root] });
    await fixture.ports.backendOf(root).makeDirectory(path('/sub'));
    await fixture.ports.backendOf(root).makeDirectory(path('/sub/hidden-below'));
    expect(await listing(client, 'NLST')).toBe('sub\r\n');
    expect(await listing(client, 'NLST /sub')).toBe('');
  });
});

describe('permissions', () => {
  it('of the mount hold', async () => {
    const client = await start({ mounts: [aMount({ permissions: maskOf(['list', 'download']) })] });
    const [refusal] = [await client.expect('MKD a', 550)];
    expect(refusal.text).toContain('Permission denied');
    expect(await put(client, 'a', 'x')).toBe(550);
    expect(fixture.ports.journal.facts('access.refused').map(({ verb, code }) => [verb, code])).toEqual([
      ['MKD', 'access.denied'],
      ['STOR', 'access.denied'],
    ]);
    expect(fixture.ports.quota.asks).toEqual([]);
  });

  it('of an upload-only folder let its owner see and resume what it uploads, and nothing else', async () => {
    const client = await start({ mounts: [aMount({ permissions: maskOf(['upload']) })] });
    expect(await put(client, 'a', 'x')).toBe(226);
    await client.expect('SIZE a', 550);
    await client.passive();
    await client.expect('RETR a', 550);
    await client.expect('NLST', 550);
    expect(await put(client, 'a', 'again')).toBe(550);
    const data = await client.passive();
    await client.expect('STOR b', 150);
    data.write('half');
    await fixture.ports.journal.until((journal) => journal.of('upload.began').length === 2);
    await new Promise((resolve) => setTimeout(resolve, 30));
    data.resetAndDestroy();
    await client.reply();
    expect((await client.expect('SIZE b', 213)).text).toBe('213 4\r\n');
  });

  it('need overwrite for STOR and RNTO onto a file, and append for APPE', async () => {
    const permissions = maskOf(['list', 'download', 'upload', 'rename']);
    const client = await start({ mounts: [aMount({ permissions })] });
    expect(await put(client, 'a', 'x')).toBe(226);
    expect(await put(client, 'b', 'x')).toBe(226);
    expect(await put(client, 'a', 'y')).toBe(550);
    await client.expect('APPE a', 550);
    await client.expect('RNFR a', 350);
    await client.expect('RNTO b', 553);
    await client.expect('RNFR a', 350);
    await client.expect('RNTO c', 250);
  });

  it('of a read-only status leave reading, with the text for the customer', async () => {
    const client = await start({ status: 'read_only', statusText: 'Please pay your invoice' });
    expect((await client.expect('MKD a', 550)).text).toBe('550 Please pay your invoice\r\n');
    expect(await listing(client, 'NLST')).toBe('');
  });
});

const isHidden = (at: VirtualPath): boolean => at === '/secret' || at.startsWith('/secret/');
const hideRule = () => ({ source: 'tenant', policyId: null, rule: 'hide secret' });
const nameRule = (at: VirtualPath) =>
  at.endsWith('.php') ? { source: 'tenant', policyId: null, rule: 'deny *.php' } : null;

describe('names', () => {
  it('that are hidden answer as if they did not exist', async () => {
    const root = aMount();
    const client = await start({ mounts: [root], policy: policy({ isHidden, hideRule }) });
    await fixture.ports.backendOf(root).makeDirectory(path('/secret'));
    expect(await listing(client, 'NLST')).toBe('');
    for (const line of ['CWD secret', 'MLST secret', 'RMD secret', 'RNFR secret', 'SIZE secret/a']) {
      await client.expect(line, 550);
    }
    expect(await put(client, 'secret', 'x')).toBe(553);
  });

  it('that a rule refuses are 553', async () => {
    const mayCreate = (at: VirtualPath): boolean => nameRule(at) === null;
    const client = await start({ policy: policy({ mayCreate, nameRule }) });
    expect(await put(client, 'a.php', 'x')).toBe(553);
    expect(await put(client, 'a.txt', 'x')).toBe(226);
    await client.expect('RNFR a.txt', 350);
    await client.expect('RNTO a.php', 553);
    expect(fixture.ports.journal.facts('access.refused')[0]).toMatchObject({ rule: 'deny *.php' });
  });

  it('are kept byte for byte where they are no UTF-8, and composed where they are', async () => {
    const client = await start({});
    const data = await client.passive();
    client.write(Buffer.concat([Buffer.from('STOR caf'), Buffer.of(0xe9), Buffer.from('\r\n')]));
    expect((await client.reply()).code).toBe(150);
    data.end('latin');
    expect((await client.reply()).code).toBe(226);
    expect(await put(client, 'cafe\u0301', 'nfd')).toBe(226);
    await client.expect('SIZE caf\u00e9', 213);
    const list = await client.passive();
    const chunks: Buffer[] = [];
    list.on('data', (chunk: Buffer) => chunks.push(chunk));
    const closed = once(list, 'close');
    await client.expect('NLST', 150);
    await client.reply();
    await closed;
    const bytes = Buffer.concat(chunks);
    expect(bytes.includes(Buffer.concat([Buffer.from('caf'), Buffer.of(0xe9, 13, 10)]))).toBe(true);
    expect(bytes.includes(Buffer.from('caf\u00e9\r\n'))).toBe(true);
  });
});

describe('caps', () => {
  it('on the file size are 552, before the 150 where ALLO told', async () => {
    const client = await start({ policy: policy({ caps: { fileSize: 10 } }) });
    expect(await put(client, 'a', '0123456789')).toBe(226);
    expect(await put(client, 'b', '0123456789x')).toBe(552);
    await client.expect('SIZE b', 550);
    await client.expect('ALLO 11', 200);
    await client.passive();
    await client.expect('STOR b', 552);
    expect((await client.expect('AVBL', 213)).text).toBe('213 10\r\n');
  });
});

it('gives every permission in the perm fact only where the account has it', async () => {
  const client = await start({ mounts: [aMount({ permissions: ALL_PERMISSIONS })] });
  await put(client, 'a', 'x');
  expect((await client.expect('MLST a', 250)).text).toContain('perm=adfrw;');
});
