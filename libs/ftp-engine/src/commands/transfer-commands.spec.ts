import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { VirtualPath } from '@quayside/domain';
import { type EngineFixture, startEngine, type RawFtpClient } from '@quayside/testing';

let fixture: EngineFixture;
let client: RawFtpClient;

beforeEach(async () => {
  fixture = await startEngine();
  client = await fixture.login();
  await client.expect('TYPE I', 200);
});
afterEach(() => fixture.stop());

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function received(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

async function put(name: string, bytes: Uint8Array | string, verb = 'STOR') {
  const data = await client.passive();
  await client.expect(`${verb} ${name}`, 150);
  data.end(bytes);
  return client.reply();
}

async function get(name: string, verb = 'RETR'): Promise<Buffer> {
  const data = await client.passive();
  const bytes = received(data);
  await client.expect(`${verb} ${name}`.trim(), 150);
  expect((await client.reply()).code).toBe(226);
  return bytes;
}

const stored = async (name: string): Promise<string | null> => {
  const backend = [...fixture.ports.backends.values()][0]!;
  try {
    const file = await backend.openRead(`/${name}` as VirtualPath);
    const buffer = Buffer.alloc(file.entry.size);
    await file.read(buffer, 0, buffer.length, 0);
    await file.close();
    return buffer.toString('latin1');
  } catch {
    return null;
  }
};

/** Transfer id of the upload that failed last. */
const lastFailed = (): string => fixture.ports.journal.of('upload.failed').at(-1)!.facts.transferId;

describe('the quota of uploads', () => {
  const partialOf = async (name: string, bytes: string): Promise<void> => {
    const data = await client.passive();
    await client.expect(`STOR ${name}`, 150);
    data.write(bytes);
    await fixture.ports.journal.until(() => true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    data.resetAndDestroy();
    expect((await client.reply()).code).toBe(426);
  };

  it('moves the reservation of a partial to the fresh STOR that starts it over', async () => {
    await partialOf('a', 'half a file');
    const partial = lastFailed();
    expect((await put('a', 'whole')).code).toBe(226);
    const { asks, droppedPartials } = fixture.ports.quota;
    expect(asks.at(-1)).toMatchObject({ partialTransferId: partial, partialBytes: 11, startBytes: 0 });
    expect(droppedPartials).toEqual([]);
    expect(await stored('a')).toBe('whole');
  });

  it('leaves a partial and its reservation where the fresh STOR is refused', async () => {
    await partialOf('a', 'half a file');
    fixture.ports.journal.full = true;
    const data = await client.passive();
    expect((await client.command('STOR a')).code).toBe(451);
    data.destroy();
    expect(fixture.ports.quota.released).toEqual([11, 11]);
    expect((await client.expect('SIZE a', 213)).text).toBe('213 11\r\n');
  });

  it('gets back the reservation of a partial that DELE drops, or that another session of the account had kept', async () => {
    await partialOf('a', 'half a file');
    const first = lastFailed();
    await client.expect('DELE a', 250);
    expect(fixture.ports.quota.droppedPartials).toEqual([first]);

    const slow = await client.passive();
    await client.expect('STOR a', 150);
    const other = await fixture.login();
    await other.expect('TYPE I', 200);
    const data = await other.passive();
    await other.expect('STOR a', 150);
    data.write('another half');
    await new Promise((resolve) => setTimeout(resolve, 50));
    data.resetAndDestroy();
    expect((await other.reply()).code).toBe(426);
    const second = lastFailed();
    slow.end('whole');
    expect((await client.reply()).code).toBe(226);
    expect(fixture.ports.quota.droppedPartials).toEqual([first, second]);
  });

  it('is asked again where the file that is replaced went away meanwhile', async () => {
    await put('a', 'twelve bytes');
    const { quota, journal } = fixture.ports;
    quota.limitBytes = 20;
    const data = await client.passive();
    await client.expect('STOR a', 150);
    const other = await fixture.login();
    await other.expect('DELE a', 250);
    quota.growthLimit = 5;
    data.end('twelve bytes');
    expect((await client.reply()).code).toBe(552);
    expect(await stored('a')).toBeNull();
    expect(journal.of('upload.failed').at(-1)?.facts.reason).toBe('QUOTA');
  });
});

describe('a sealed upload that is not published', () => {
  it('has its failure on record before its bytes go, so that a crash in between cannot make it a success', async () => {
    const { journal, quota } = fixture.ports;
    quota.growthLimit = 5;
    // What recovery would find if the process died while the failure is being recorded.
    let found: unknown = null;
    journal.onUploadFailed = async () => {
      const backend = [...fixture.ports.backends.values()][0]!;
      const { accountId } = fixture.ports.accounts.get('bob')!.grant;
      found = await backend.partial('/a' as VirtualPath, accountId);
    };
    expect((await put('a', 'twelve bytes')).code).toBe(552);
    expect(journal.of('upload.intended')).toHaveLength(1);
    expect(found).toMatchObject({ bytes: 12 });
    expect(journal.of('upload.failed')[0]!.facts).toMatchObject({ reason: 'QUOTA', keptBytes: 0 });
    await client.expect('SIZE a', 550);
    expect(quota.released).toEqual([0]);
  });
});

describe('uploads', () => {
  it('answer 226 with bytes and SHA-256, and journal intent before commit', async () => {
    const bytes = randomBytes(1_500_000);
    const reply = await put('a.bin', bytes);
    expect(reply.text).toBe(`226 Transfer complete; ${bytes.length} bytes; sha256=${sha256(bytes)}\r\n`);
    // Jest compares byte by byte, which takes seconds.
    expect((await get('a.bin')).equals(bytes)).toBe(true);
    const kinds = fixture.ports.journal.entries.map(({ kind }) => kind).filter((kind) => kind.startsWith('upload'));
    expect(kinds).toEqual(['upload.began', 'upload.intended', 'upload.committed']);
    expect(fixture.ports.quota.settled).toBe(1);
    const [{ facts, delta }] = fixture.ports.journal.of('upload.committed') as [never] as [
      { facts: { bytes: number; fileBytes: number; sha256: string }; delta: { bytes: number; files: number } },
    ];
    expect(facts).toMatchObject({ bytes: bytes.length, fileBytes: bytes.length, sha256: sha256(bytes) });
    expect(delta).toMatchObject({ bytes: bytes.length, files: 1 });
  });

  it('charge the difference and no file when they replace one', async () => {
    await put('a', '12345');
    await put('a', '123');
    const [, second] = fixture.ports.journal.of('upload.committed');
    expect(second!.delta).toMatchObject({ bytes: -2, files: 0 });
  });

  it('store an empty file', async () => {
    expect((await put('empty', '')).code).toBe(226);
    expect(await stored('empty')).toBe('');
  });

  it('keep the old file and answer 426 when the data connection is reset', async () => {
    await put('a', 'old');
    const data = await client.passive();
    await client.expect('STOR a', 150);
    data.write('new content');
    await new Promise((resolve) => setTimeout(resolve, 30));
    data.resetAndDestroy();
    expect((await client.reply()).code).toBe(426);
    expect(await stored('a')).toBe('old');
    const [failed] = fixture.ports.journal.of('upload.failed');
    expect(failed!.facts).toMatchObject({ outcome: 'failed', reason: 'CONNECTION_RESET', keptBytes: 11 });
    expect(fixture.ports.quota.released).toEqual([11]);
  });

  it('stop at the exact byte of the quota, answer 552 and keep nothing', async () => {
    fixture.ports.quota.limitBytes = 300_000;
    const exact = await put('fits', randomBytes(300_000));
    expect(exact.code).toBe(226);
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR over', 150);
    data.end(randomBytes(300_001));
    expect((await client.reply()).code).toBe(552);
    expect(await stored('over')).toBeNull();
    const [failed] = fixture.ports.journal.of('upload.failed');
    expect(failed!.facts).toMatchObject({ reason: 'QUOTA', bytes: 300_000, keptBytes: 0 });
    expect(fixture.ports.quota.released).toEqual([0]);
  });

  it('are refused with 552 before the 150 when the quota is full', async () => {
    fixture.ports.quota.limitBytes = 0;
    await client.expect('STOR a', 552);
    expect(fixture.ports.journal.of('transfer.ended')[0]!.facts).toMatchObject({ reason: 'QUOTA', outcome: 'failed' });
  });

  it('answer 451 when nothing can be journalled', async () => {
    fixture.ports.journal.full = true;
    await client.passive();
    await client.expect('STOR a', 451);
    expect(fixture.ports.quota.released).toEqual([0]);
  });

  it('are dropped when the control connection is lost', async () => {
    const data = await client.passive();
    await client.expect('STOR a', 150);
    data.write('half');
    await new Promise((resolve) => setTimeout(resolve, 30));
    client.close();
    data.end();
    await fixture.ports.journal.until((journal) => journal.of('upload.failed').length === 1);
    expect(fixture.ports.journal.of('upload.failed')[0]!.facts).toMatchObject({
      outcome: 'failed',
      reason: 'CONTROL_LOST',
      keptBytes: 4,
    });
    expect(await stored('a')).toBeNull();
  });

  it('answer 426 and then 226 to ABOR', async () => {
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    data.write('half');
    client.write('ABOR\r\n');
    expect((await client.reply()).code).toBe(426);
    expect((await client.reply()).code).toBe(226);
    expect(fixture.ports.journal.of('upload.failed')[0]!.facts).toMatchObject({
      outcome: 'aborted',
      reason: 'CLIENT_ABORT',
    });
    await client.expect('NOOP', 200);
  });

  it('answer 426 and 226 to ABOR while the client has not connected yet', async () => {
    await client.expect('EPSV', 229);
    client.write('STOR a\r\nABOR\r\n');
    expect((await client.reply()).code).toBe(426);
    expect((await client.reply()).code).toBe(226);
  });

  it('resume: the staged size shows, REST continues it, RETR says that it is incomplete', async () => {
    const bytes = randomBytes(20_000);
    const data = await client.passive();
    await client.expect('STOR a', 150);
    data.write(bytes.subarray(0, 12_000));
    await new Promise((resolve) => setTimeout(resolve, 30));
    data.resetAndDestroy();
    await client.reply();
    expect((await client.expect('SIZE a', 213)).text).toBe('213 12000\r\n');
    expect((await client.expect('MLST a', 250)).text).toContain('size=12000;');
    expect((await client.expect('MLST a', 250)).text).toContain('X.incomplete=1;');
    expect((await client.expect('RETR a', 550)).text).toMatch(/Incomplete upload/);
    expect((await get('', 'MLSD')).toString()).toContain('X.incomplete=1; a\r\n');
    await client.expect('REST 12000', 350);
    const reply = await put('a', bytes.subarray(12_000));
    expect(reply.text).toContain('226 Transfer complete; 8000 bytes; file 20000 bytes');
    expect(await get('a')).toEqual(bytes);
    expect((await client.expect('MLST a', 250)).text).not.toContain('incomplete');
  });

  it('refuse REST beyond the end with 554 at the transfer command', async () => {
    await put('a', '12345');
    await client.expect('REST 6', 350);
    await client.expect('STOR a', 554);
    await client.expect('REST 6', 350);
    await client.expect('RETR a', 554);
    await client.expect('REST 6', 350);
    await client.expect('STOR nothing-there', 550);
  });

  it('append with APPE and overwrite the tail with REST and STOR', async () => {
    await put('a', '12345');
    await put('a', '678', 'APPE');
    expect(await stored('a')).toBe('12345678');
    await put('new', 'abc', 'APPE');
    expect(await stored('new')).toBe('abc');
    await client.expect('REST 2', 350);
    await put('a', 'xyz');
    expect(await stored('a')).toBe('12xyz');
  });

  it('give STOU a name of its own in the 150 and the 226', async () => {
    const data = await client.passive();
    const preliminary = await client.expect('STOU', 150);
    const name = /^150 FILE: (\S+)\r\n$/.exec(preliminary.text)![1]!;
    data.end('x');
    expect((await client.reply()).text).toContain(name);
    expect(await stored(name)).toBe('x');
  });

  it('let STOU tell its name before the data connection is prepared', async () => {
    const preliminary = await client.expect('STOU', 150);
    const name = /^150 FILE: (\S+)\r\n$/.exec(preliminary.text)![1]!;
    await client.expect('PORT 1,2,3,4,200,1', 501);
    const data = await client.passive();
    data.end('x');
    expect((await client.reply()).code).toBe(226);
    expect(await stored(name)).toBe('x');
  });

  it('run only what prepares a data connection beside a STOU that waits for it', async () => {
    client.write('STOU\r\nNOOP\r\nEPSV\r\nABOR\r\n');
    const codes: number[] = [];
    for (let count = 0; count < 5; count++) codes.push((await client.reply()).code);
    expect(codes).toEqual([150, 426, 200, 229, 225]);
  });

  it('end by an ABOR behind a full queue, and by the loss of a control connection that nobody reads', async () => {
    await fixture.stop();
    fixture = await startEngine({ limits: { queuedCommands: 4 } });
    client = await fixture.login();
    let data = await client.passive();
    await client.expect('STOR a', 150);
    client.write(`${'NOOP\r\n'.repeat(6)}ABOR\r\n`);
    expect((await client.reply()).code).toBe(426);
    for (let count = 0; count < 6; count++) expect((await client.reply()).code).toBe(200);
    expect((await client.reply()).code).toBe(226);
    data.destroy();
    data = await client.passive();
    await client.expect('STOR b', 150);
    client.socket.write('NOOP\r\n'.repeat(9));
    data.write('part');
    await fixture.ports.journal.until((journal) => journal.of('upload.began').length === 2);
    client.socket.end();
    await once(client.socket, 'finish');
    data.end('more');
    await fixture.ports.journal.until((journal) => journal.of('upload.failed').length === 2);
    expect(fixture.ports.journal.of('upload.failed')[1]!.facts.reason).toBe('CONTROL_LOST');
  });

  it('end soon after the control connection is closed behind more commands than are read ahead', async () => {
    await fixture.stop();
    fixture = await startEngine({ limits: { queuedCommands: 4 }, timeouts: { close: 100 } });
    client = await fixture.login();
    const data = await client.passive();
    await client.expect('STOR a', 150);
    client.socket.write('NOOP\r\n'.repeat(9));
    data.write('part');
    await fixture.ports.journal.until((journal) => journal.of('upload.began').length === 1);
    client.socket.end();
    // The data connection stays as it is.
    await fixture.ports.journal.until((journal) => journal.facts('session.closed').length === 1);
    expect(fixture.ports.journal.of('upload.failed')[0]!.facts.reason).toBe('CONTROL_LOST');
    data.destroy();
  });

  it('that are begun after the client has closed its side do not wait for a data connection that never comes', async () => {
    await fixture.stop();
    fixture = await startEngine({ timeouts: { close: 100 } });
    client = await fixture.login();
    client.socket.end('PASV\r\nLIST\r\n'.repeat(50));
    const { journal } = fixture.ports;
    await journal.until(() => journal.facts('session.closed').length === 1);
    expect(journal.facts('session.closed')[0]!.reason).toBe('connection-closed');
  });

  it('are incomplete when ALLO announced another size', async () => {
    await client.expect('ALLO 10', 200);
    expect((await put('a', '12345')).code).toBe(426);
    expect(await stored('a')).toBeNull();
    await client.expect('ALLO 4', 200);
    expect((await put('a', '12345')).code).toBe(426);
    await client.expect('ALLO 5', 200);
    expect((await put('b', '12345')).code).toBe(226);
  });

  it('convert line ends in ASCII mode and charge what is stored', async () => {
    await client.expect('TYPE A', 200);
    expect((await put('a', 'one\r\ntwo\rthree\r\n')).code).toBe(226);
    expect(await stored('a')).toBe('one\ntwo\rthree\n');
    expect(fixture.ports.journal.of('upload.committed')[0]!.delta.bytes).toBe(14);
    expect((await get('a')).toString()).toBe('one\r\ntwo\rthree\r\n');
    await client.expect('SIZE a', 550);
    await client.expect('REST 3', 501);
    await client.expect('RETR a', 504);
  });

  it('take a connection that comes after the command', async () => {
    const { text } = await client.expect('EPSV', 229);
    client.write('STOR a\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { connect } = await import('node:net');
    const data = connect(Number(/\|(\d+)\|/.exec(text)![1]), '127.0.0.1');
    expect((await client.reply()).code).toBe(150);
    data.end('late');
    expect((await client.reply()).code).toBe(226);
  });

  it('finish before QUIT is answered, even when the client closes its side', async () => {
    const data = await client.passive();
    await client.expect('STOR a', 150);
    client.write('QUIT\r\n');
    data.end('done');
    expect((await client.reply()).code).toBe(226);
    expect((await client.reply()).code).toBe(221);
    expect(await stored('a')).toBe('done');
  });
});

describe('downloads', () => {
  it('send large files whole and log what was sent', async () => {
    const bytes = randomBytes(5_000_000);
    await put('big', bytes);
    expect(sha256(await get('big'))).toBe(sha256(bytes));
    const ended = fixture.ports.journal.of('transfer.ended');
    expect(ended.at(-1)!.facts).toMatchObject({ direction: 'download', bytes: bytes.length, outcome: 'completed' });
  });

  it('start at REST', async () => {
    await put('a', '0123456789');
    await client.expect('REST 4', 350);
    expect((await get('a')).toString()).toBe('456789');
    expect((await get('a')).toString()).toBe('0123456789');
  });

  it('name the size in the 150, which clients read', async () => {
    await put('a', '12345');
    const data = await client.passive();
    const bytes = received(data);
    expect((await client.expect('RETR a', 150)).text).toContain('(5 bytes)');
    await bytes;
    await client.reply();
  });

  it('answer 426 when the client goes away in the middle', async () => {
    await put('big', randomBytes(30_000_000));
    const data = await client.passive();
    await client.expect('RETR big', 150);
    await once(data, 'data');
    data.resetAndDestroy();
    expect((await client.reply()).code).toBe(426);
    expect(fixture.ports.journal.of('transfer.ended').at(-1)!.facts).toMatchObject({ outcome: 'failed' });
    await client.expect('NOOP', 200);
  });

  it('stop on ABOR', async () => {
    await put('big', randomBytes(30_000_000));
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('RETR big', 150);
    client.write('ABOR\r\n');
    expect((await client.reply()).code).toBe(426);
    expect((await client.reply()).code).toBe(226);
  });

  it('answer 550 before the 150 for what is no file', async () => {
    await client.expect('MKD d', 257);
    await client.passive();
    await client.expect('RETR d', 550);
    await client.expect('RETR none', 550);
  });

  it('are refused with 425 without a data connection', async () => {
    await put('a', 'x');
    await client.expect('RETR a', 425);
  });
});

describe('files and folders', () => {
  it('MKD answers 257 with the quoted path, 550 for an existing one; RMD only empties', async () => {
    expect((await client.expect('MKD a"b', 257)).text).toContain('"/a""b"');
    await client.expect('MKD a"b', 550);
    await client.expect('CWD a"b', 250);
    await put('f', 'x');
    await client.expect('CWD /', 250);
    await client.expect('RMD a"b', 550);
    await client.expect('DELE a"b', 550);
    await client.expect('DELE a"b/f', 250);
    await client.expect('RMD a"b', 250);
  });

  it('DELE journals around the removal and drops the own partial first', async () => {
    await put('a', '12345');
    await client.expect('DELE a', 250);
    const kinds = fixture.ports.journal.entries.map(({ kind }) => kind).filter((kind) => kind.startsWith('removal'));
    expect(kinds).toEqual(['removal.began', 'removal.done']);
    expect(fixture.ports.journal.of('removal.done')[0]!.bytes).toBe(5);
    await client.expect('DELE a', 550);
  });

  it('RNTO replaces a file and journals what it lost; without RNFR it is 503', async () => {
    await put('a', 'new');
    await put('b', 'old one');
    await client.expect('RNTO b', 503);
    await client.expect('RNFR none', 550);
    await client.expect('RNFR a', 350);
    await client.expect('RNTO b', 250);
    expect(await stored('b')).toBe('new');
    expect(fixture.ports.journal.of('removal.done')[0]).toMatchObject({ path: '/b', bytes: 7 });
    await client.expect('MKD d', 257);
    await client.expect('RNFR b', 350);
    await client.expect('RNTO d', 553);
  });

  it('MDTM, MFMT and the MDTM that sets', async () => {
    await put('a b', 'x');
    expect((await client.expect('MFMT 20200102030405 a b', 213)).text).toBe('213 Modify=20200102030405; /a b\r\n');
    expect((await client.expect('MDTM a b', 213)).text).toBe('213 20200102030405\r\n');
    await client.expect('MDTM 20210102030405 a b', 213);
    expect((await client.expect('MDTM a b', 213)).text).toBe('213 20210102030405\r\n');
    await client.expect('MFMT 20201302030405 a b', 501);
    await client.expect('MFMT 20200102030405 none', 550);
    await client.expect('SITE UTIME 202201020304 a b', 200);
    expect((await client.expect('MDTM a b', 213)).text).toBe('213 20220102030400\r\n');
    await client.expect('SITE CHMOD 600 a b', 200);
    expect((await get('', 'LIST')).toString()).toMatch(/^-rw------- /);
  });

  it('HASH and its relatives', async () => {
    await put('a', 'hello');
    expect((await client.expect('HASH a', 213)).text).toBe(`213 SHA-256 0-5 ${sha256(Buffer.from('hello'))} a\r\n`);
    expect((await client.expect('XCRC a', 250)).text).toBe('250 3610A686\r\n');
    expect((await client.expect('XMD5 "a"', 250)).text).toBe('250 5d41402abc4b2a76b9719d911017c592\r\n');
    expect((await client.expect('XSHA256 "a" 0 4', 250)).text).toBe(`250 ${sha256(Buffer.from('hell'))}\r\n`);
    await client.expect('MKD d', 257);
    await client.expect('HASH d', 553);
    await client.expect('XMD5 none', 550);
  });

  it('names that nothing can be stored under are 553, names to be read 550', async () => {
    await client.expect('MKD d', 257);
    await put('a', 'x');
    for (const path of ['none/x', 'a/x', 'd', '/', 'n'.repeat(256), 'a\u0000b']) {
      expect([path, (await client.command(`STOR ${path}`)).code]).toEqual([path, 553]);
      await client.expect('RNFR a', 350);
      expect([path, (await client.command(`RNTO ${path}`)).code]).toEqual([path, 553]);
    }
    for (const verb of ['RETR', 'SIZE', 'MDTM', 'DELE', 'RMD', 'RNFR', 'CWD', 'MLST']) {
      await client.expect(`${verb} ${'n'.repeat(256)}`, 550);
    }
    await client.expect(`MKD ${'n'.repeat(256)}`, 553);
  });

  it('RNTO follows RNFR immediately, REST the next transfer', async () => {
    await put('a', '12345');
    await client.expect('RNFR a', 350);
    await client.expect('NOOP', 200);
    await client.expect('RNTO b', 503);
    await client.expect('REST 3', 350);
    await get('', 'NLST');
    expect((await get('a')).toString()).toBe('12345');
  });

  it('MFMT tells the time that the file has then', async () => {
    await put('a', 'x');
    await client.expect('MFMT 20240229120000.123 a', 213);
    const backend = [...fixture.ports.backends.values()][0]!;
    const set = backend.setModified.bind(backend);
    backend.setModified = (path, ms) => set(path, Math.min(ms, Date.UTC(2446, 4, 10, 22, 38, 55)));
    expect((await client.expect('MFMT 99991231235959 a', 213)).text).toBe('213 Modify=24460510223855; /a\r\n');
    for (const time of [
      '20230229120000',
      '20231301000000',
      '20230100000000',
      '20230101240000',
      '100000101000000',
      '2024',
    ]) {
      await client.expect(`MFMT ${time} a`, 501);
    }
  });

  it('HASH is of the part that RANG chose, once', async () => {
    await put('a', 'hello');
    await client.expect('RANG 1 3', 350);
    expect((await client.expect('HASH a', 213)).text).toBe(`213 SHA-256 1-3 ${sha256(Buffer.from('ell'))} a\r\n`);
    expect((await client.expect('HASH a', 213)).text).toBe(`213 SHA-256 0-5 ${sha256(Buffer.from('hello'))} a\r\n`);
    await client.expect('RANG 3 99', 350);
    expect((await client.expect('HASH a', 213)).text).toBe(`213 SHA-256 3-4 ${sha256(Buffer.from('lo'))} a\r\n`);
    await client.expect('RANG 5 9', 350);
    await client.expect('HASH a', 501);
    await client.expect('RANG 0 1', 350);
    await client.expect('RANG 1 0', 350);
    expect((await client.expect('HASH a', 213)).text).toContain(' 0-5 ');
    for (const bad of ['RANG 2 1', 'RANG -1 2', 'RANG 1', 'RANG 1 9999999999999999', 'RANG']) {
      await client.expect(bad, 501);
    }
    await client.expect('RANG 0 1', 350);
    await client.expect('RETR a', 504);
  });

  it('checksum commands take ranges, and names that look like one', async () => {
    await put('a', 'hello');
    await put('a 1 3', 'other');
    const text = async (line: string): Promise<string> => (await client.expect(line, 250)).text.slice(4, -2);
    expect(await text('XMD5 "a" 1 3')).toBe(await text('XMD5 "a" 1 3 '));
    expect(await text('XSHA1 a 0 5')).toBe(await text('XSHA1 a'));
    expect(await text('XSHA512 "a" 2')).not.toBe(await text('XSHA512 a'));
    expect(await text('XSHA256 a 1 3')).toBe(sha256(Buffer.from('other')));
    expect(await text('XSHA256 "a" 1 3')).toBe(sha256(Buffer.from('el')));
    await client.expect('XSHA256 "a" 6 7', 501);
    await client.expect('XSHA256 "a" 3 2', 501);
  });

  it('X.sha256 is the receipt of the upload, until the content changes', async () => {
    await put('a', 'hello');
    await client.expect('OPTS MLST size;X.sha256;', 200);
    const known = `size=5;X.sha256=${sha256(Buffer.from('hello'))};`;
    expect((await client.expect('MLST a', 250)).lines[1]).toBe(` ${known} /a`);
    await client.expect('MFMT 20200102030405 a', 213);
    await client.expect('RNFR a', 350);
    await client.expect('RNTO b', 250);
    expect((await get('', 'MLSD')).toString()).toBe(`${known} b\r\n`);
    await put('b', 'HELLO');
    expect((await client.expect('MLST b', 250)).lines[1]).toContain(sha256(Buffer.from('HELLO')));
    await client.expect('OPTS HASH MD5', 200);
  });
});

describe('listings', () => {
  beforeEach(async () => {
    await put('b.txt', '12345');
    await put('a.log', '1');
    await put('-x y', '123');
    await client.expect('MKD dir', 257);
    await put('dir/c.txt', '12');
  });

  it('LIST looks like ls -l, sorted, and takes its options', async () => {
    const text = (await get('', 'LIST')).toString();
    expect(text.split('\r\n').map((line) => line.replace(/^.*\d\d:\d\d /, ''))).toEqual([
      '-x y',
      'a.log',
      'b.txt',
      'dir',
      '',
    ]);
    expect(text).toMatch(/^-rw-r-----\s+1 ftp {6}ftp {5}\s+3 [A-Z][a-z]{2} [ \d]\d \d\d:\d\d -x y\r\n/);
    expect((await get('-la', 'LIST')).toString()).toBe(text);
    expect((await get('-la dir', 'LIST')).toString()).toMatch(/ c\.txt\r\n$/);
    expect((await get('-x y', 'LIST')).toString()).toMatch(/ -x y\r\n$/);
    expect((await get('-R', 'LIST')).toString()).toContain('\r\n./dir:\r\n');
    expect((await get('-R /', 'LIST')).toString()).toContain('\r\n/dir:\r\n');
    expect((await get('-S', 'NLST')).toString()).toBe('b.txt\r\n-x y\r\na.log\r\ndir\r\n');
  });

  it('NLST gives names, and paths for a glob', async () => {
    expect((await get('', 'NLST')).toString()).toBe('-x y\r\na.log\r\nb.txt\r\ndir\r\n');
    expect((await get('dir', 'NLST')).toString()).toBe('c.txt\r\n');
    expect((await get('*.txt', 'NLST')).toString()).toBe('b.txt\r\n');
    expect((await get('*/*.txt', 'NLST')).toString()).toBe('dir/c.txt\r\n');
    expect((await get('b.txt', 'NLST')).toString()).toBe('b.txt\r\n');
  });

  it('an empty folder is 150 and 226, a missing one 550 before the 150', async () => {
    await client.expect('MKD empty', 257);
    expect((await get('empty', 'NLST')).length).toBe(0);
    expect((await get('empty', 'MLSD')).length).toBe(0);
    await client.passive();
    await client.expect('LIST none', 550);
    await client.expect('NLST none', 550);
    await client.expect('MLSD none', 550);
    await client.expect('MLSD b.txt', 501);
  });

  it('MLSD lines have the grammar of RFC 3659', async () => {
    const lines = (await get('', 'MLSD')).toString().split('\r\n').slice(0, -1);
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toMatch(/^([A-Za-z.0-9]+=[^ ;]*;)+ [^/]+$/);
    expect(lines[2]).toMatch(/^type=file;size=5;modify=\d{14};perm=[a-z]+;unique=[^;]+; b\.txt$/);
    expect(lines[3]).toMatch(/^type=dir;modify=\d{14};perm=cdeflmp;unique=[^;]+; dir$/);
  });

  it('STAT with an argument lists over the control connection', async () => {
    const reply = await client.expect('STAT dir', 213);
    expect(reply.lines[1]).toMatch(/ c\.txt$/);
  });
});
