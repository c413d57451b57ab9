import { afterEach, describe, expect, it } from '@jest/globals';
import { NO_PERMISSIONS } from '@quayside/domain';
import { aGrant, type EngineFixture, RawFtpClient, startEngine } from '@quayside/testing';
import { FtpEngine } from './ftp-engine.js';

let fixture: EngineFixture;
afterEach(() => fixture.stop());

describe('FtpEngine', () => {
  it('records that a session opened and why it closed', async () => {
    fixture = await startEngine();
    const client = await fixture.login();
    await client.expect('QUIT', 221);
    await client.closed();
    const { journal } = fixture.ports;
    await journal.until(() => journal.facts('session.closed').length === 1);
    expect(journal.facts('session.opened')).toHaveLength(1);
    expect(journal.facts('login.succeeded')).toHaveLength(1);
    expect(journal.facts('session.closed')[0]).toMatchObject({ reason: 'quit' });
  });

  it('lists its sessions', async () => {
    fixture = await startEngine();
    const client = await fixture.login();
    await client.expect('CLNT Test 1.0', 200);
    expect(fixture.engine.sessions()).toMatchObject([
      {
        remoteAddress: '127.0.0.1',
        login: 'bob@acme',
        clientName: 'Test 1.0',
        tls: null,
        command: null,
        transfer: null,
      },
    ]);
  });

  it('kicks a session with 421', async () => {
    fixture = await startEngine();
    const client = await fixture.login();
    const { id } = fixture.engine.sessions()[0]!;
    expect(await fixture.engine.endSession(id, { text: 'Kicked.', reason: 'kicked' })).toBe(true);
    expect((await client.reply()).text).toBe('421 Kicked.\r\n');
    expect(fixture.engine.sessions()).toEqual([]);
    expect(await fixture.engine.endSession(id, { text: '', reason: '' })).toBe(false);
    expect(fixture.ports.journal.facts('session.closed')[0]).toMatchObject({ reason: 'kicked' });
  });

  it('stops the upload of a kicked session: 426, then 421, and nothing at the name', async () => {
    fixture = await startEngine();
    const client = await fixture.login();
    const data = await client.passive();
    data.on('error', () => {});
    client.write('STOR file\r\n');
    expect((await client.reply()).code).toBe(150);
    data.write('half');
    const { id } = fixture.engine.sessions()[0]!;
    await fixture.engine.endSession(id, { text: 'Kicked.', reason: 'kicked' });
    expect([(await client.reply()).code, (await client.reply()).code]).toEqual([426, 421]);
    expect(fixture.ports.journal.of('upload.failed')).toHaveLength(1);
    expect(fixture.ports.journal.of('upload.committed')).toHaveLength(0);
    data.destroy();
  });

  it('gives a changed grant to open sessions', async () => {
    fixture = await startEngine();
    const client = await fixture.login();
    const grant = fixture.ports.accounts.get('bob')!.grant;
    await client.expect('MKD before', 257);
    fixture.engine.replaceGrant(fixture.engine.sessions()[0]!.id, {
      ...grant,
      mounts: grant.mounts.map((mount) => ({ ...mount, permissions: NO_PERMISSIONS })),
    });
    expect((await client.command('MKD after')).code).toBe(550);
  });

  it('drains: refuses new connections, lets a transfer finish, then says 421', async () => {
    fixture = await startEngine();
    const idle = await fixture.login();
    const busy = await fixture.login();
    const data = await busy.passive();
    busy.write('STOR file\r\n');
    expect((await busy.reply()).code).toBe(150);
    const port = fixture.port();
    const drained = fixture.engine.drain(10_000);
    expect((await idle.reply()).code).toBe(421);
    await expect(RawFtpClient.connect(port)).rejects.toThrow('ECONNREFUSED');
    data.end('content');
    expect([(await busy.reply()).code, (await busy.reply()).code]).toEqual([226, 421]);
    await drained;
    expect(fixture.ports.journal.of('upload.committed')).toHaveLength(1);
  });

  it('does not take a session for one at rest whose data connection waits for its transfer', async () => {
    fixture = await startEngine();
    const slow = await fixture.login();
    const data = await slow.passive();
    // Its last command comes after the other's, so that is quiet for longer when this one is told to go.
    const idle = await fixture.login();
    const drained = fixture.engine.drain(30_000);
    expect((await idle.reply()).code).toBe(421);
    slow.write('STOR file\r\n');
    expect((await slow.reply()).code).toBe(150);
    data.end('content');
    expect([(await slow.reply()).code, (await slow.reply()).code]).toEqual([226, 421]);
    await drained;
  });

  it('pauses: answers new connections 421, lets a transfer finish, and takes sessions again when told to', async () => {
    fixture = await startEngine();
    const idle = await fixture.login();
    const busy = await fixture.login();
    const data = await busy.passive();
    busy.write('STOR file\r\n');
    expect((await busy.reply()).code).toBe(150);
    fixture.engine.pause({ politeMs: 0, deadlineMs: 60_000 });
    expect((await idle.reply()).code).toBe(421);
    expect(await (await fixture.connect()).reply()).toMatchObject({
      code: 421,
      text: expect.stringContaining('maint'),
    });
    await idle.closed();
    data.end('content');
    expect([(await busy.reply()).code, (await busy.reply()).code]).toEqual([226, 421]);
    await busy.closed();
    fixture.engine.resume();
    const back = await fixture.login();
    await back.expect('NOOP', 200);
  });

  it('lets a session stay that was to end with its transfer when the pause is called off', async () => {
    fixture = await startEngine();
    const busy = await fixture.login();
    const data = await busy.passive();
    busy.write('STOR file\r\n');
    expect((await busy.reply()).code).toBe(150);
    fixture.engine.pause({ politeMs: 0, deadlineMs: 60_000 });
    fixture.engine.resume();
    data.end('content');
    expect((await busy.reply()).code).toBe(226);
    await busy.expect('NOOP', 200);
  });

  it('cuts off what still runs when the time of a pause is over', async () => {
    fixture = await startEngine();
    const client = await fixture.login();
    const data = await client.passive();
    data.on('error', () => {});
    client.write('STOR file\r\n');
    expect((await client.reply()).code).toBe(150);
    fixture.engine.pause({ politeMs: 0, deadlineMs: 0 });
    expect([(await client.reply()).code, (await client.reply()).code]).toEqual([426, 421]);
  });

  it('ends what still runs when the drain takes too long', async () => {
    fixture = await startEngine();
    const client = await fixture.login();
    const data = await client.passive();
    data.on('error', () => {});
    client.write('STOR file\r\n');
    expect((await client.reply()).code).toBe(150);
    await fixture.engine.drain(50);
    expect([(await client.reply()).code, (await client.reply()).code]).toEqual([426, 421]);
  });

  it('refuses connections beyond its limits before the greeting', async () => {
    fixture = await startEngine({ limits: { maxConnectionsPerAddress: 2 } });
    const first = await fixture.login();
    await fixture.login();
    const third = await fixture.connect();
    expect((await third.reply()).code).toBe(421);
    await third.closed();
    await first.expect('QUIT', 221);
    await first.closed();
    await fixture.ports.journal.until((journal) => journal.facts('session.closed').length === 1);
    await fixture.login();
  });

  it('asks its host before the greeting', async () => {
    fixture = await startEngine({ admit: (address) => (address === '127.0.0.1' ? 'Banned.' : null) });
    const client = await fixture.connect();
    expect((await client.reply()).text).toBe('421 Banned.\r\n');
    expect(await client.closed()).toBe('');
    expect(fixture.ports.journal.entries).toEqual([]);
  });

  it('ends idle sessions with its own clock', async () => {
    fixture = await startEngine({ timeouts: { idle: 100 } });
    const client = await fixture.login();
    expect((await client.reply()).code).toBe(421);
    expect(await client.closed()).toBe('');
  });

  it('ends them also after it has rested with no session', async () => {
    fixture = await startEngine({ timeouts: { idle: 100 } });
    for (let round = 0; round < 2; round++) {
      const client = await fixture.login();
      expect((await client.reply()).code).toBe(421);
      await client.closed();
      // Some ticks without a session.
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  });

  it('ends sessions whose data connection stays unused past the stall deadline, not past the idle one', async () => {
    fixture = await startEngine({ timeouts: { idle: 60, stall: 240 } });
    const client = await fixture.login();
    const data = await client.passive();
    data.on('error', () => {});
    const last = await client.reply();
    expect(last).toMatchObject({ code: 421 });
    expect(last.text).toContain('Data connection timed out.');
    await fixture.ports.journal.until((journal) => journal.facts('session.closed').length === 1);
    expect(fixture.ports.journal.facts('session.closed')[0]!.reason).toBe('data-connection-unused');
  });

  it('does not count a slow transfer as idle', async () => {
    fixture = await startEngine({ timeouts: { idle: 100 } });
    const client = await fixture.login();
    const data = await client.passive();
    client.write('STOR slow\r\n');
    expect((await client.reply()).code).toBe(150);
    for (let count = 0; count < 6; count++) {
      data.write('x');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    data.end();
    expect((await client.reply()).code).toBe(226);
  });

  it('says which listener cannot be opened, and opens none', async () => {
    fixture = await startEngine();
    const engine = new FtpEngine(
      {
        listeners: [
          { name: 'free', host: '127.0.0.1', port: 0, tls: 'off' },
          { name: 'taken', host: '127.0.0.1', port: fixture.port(), tls: 'off' },
        ],
      },
      fixture.ports,
    );
    await expect(engine.start()).rejects.toMatchObject({ code: 'EADDRINUSE', port: fixture.port() });
    expect(engine.addresses()).toEqual([]);
  });

  it('refuses a TLS listener without a certificate', async () => {
    fixture = await startEngine();
    const listeners = [{ name: 'secure', host: '127.0.0.1', port: 0, tls: 'implicit' as const }];
    expect(() => new FtpEngine({ listeners }, fixture.ports)).toThrow('secure');
  });

  it('runs two accounts side by side without mixing their replies', async () => {
    fixture = await startEngine();
    fixture.ports.addAccount('eve', aGrant({ username: 'eve' }));
    const clients = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const client = await fixture.connect();
        await client.login(index % 2 === 0 ? 'bob' : 'eve');
        return client;
      }),
    );
    await Promise.all(
      clients.map(async (client, index) => {
        await client.command(`MKD ${index}`);
        for (let count = 0; count < 50; count++) {
          client.write(`CWD /${index}\r\nPWD\r\n`);
          await client.reply();
          expect((await client.reply()).text).toContain(`"/${index}"`);
        }
      }),
    );
  });
});
