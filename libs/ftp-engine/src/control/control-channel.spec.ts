import { Receipts } from '../transfer/receipts.js';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { DomainError } from '@quayside/domain';
import { aGrant, FakePorts, RawFtpClient } from '@quayside/testing';
import { type CommandContext, type CommandDefinition, defineCommand } from '../commands/define-command.js';
import { noop } from '../commands/noop.js';
import { quit } from '../commands/quit.js';
import { abor } from '../commands/abor.js';
import { DataServices } from '../data/data-services.js';
import { type EngineOptions, resolveOptions } from '../engine-options.js';
import { SessionRegistry } from '../session/session-registry.js';
import { Session } from '../session/session.js';
import { CertificateStore } from '../tls/certificate-store.js';
import { compileTable } from './command-table.js';
import { ControlChannel } from './control-channel.js';
import { type Reply, reply } from './reply.js';

/** A command that runs until the test says so; `data` makes it a transfer. */
class Slow {
  readonly runs: { readonly context: CommandContext; finish(outcome: Reply): void; fail(error: unknown): void }[] = [];
  readonly #waiting: (() => void)[] = [];

  readonly definition: CommandDefinition = defineCommand({
    directive: 'SLOW',
    syntax: '{{cmd}}',
    description: '',
    rfc: '',
    flags: { data: true },
    handler: (context) =>
      new Promise((resolve, reject) => {
        this.runs.push({ context, finish: resolve, fail: reject });
        context.say(reply(150, 'Begun.'));
        this.#waiting.splice(0).forEach((wake) => wake());
      }),
  });

  /** The n-th run, once it has begun. */
  async run(index = 0): Promise<Slow['runs'][number]> {
    while (this.runs.length <= index) await new Promise<void>((wake) => this.#waiting.push(wake));
    return this.runs[index]!;
  }
}

const stat = defineCommand({
  directive: 'STAT',
  syntax: '{{cmd}}',
  description: '',
  rfc: '',
  flags: { urgent: true },
  handler: () => reply(211, 'Status.'),
});

const DONE = reply(226, 'Done.');

interface Fixture {
  readonly client: RawFtpClient;
  readonly channel: ControlChannel;
  readonly session: Session;
  readonly ports: FakePorts;
  readonly closed: Promise<void>;
}

let servers: Server[] = [];
let clients: RawFtpClient[] = [];
afterEach(() => {
  for (const client of clients) client.close();
  for (const server of servers) server.close();
  servers = [];
  clients = [];
});

async function open(commands: readonly CommandDefinition[], options: Partial<EngineOptions> = {}): Promise<Fixture> {
  const ports = new FakePorts();
  const resolved = resolveOptions({ listeners: [], ...options });
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as { port: number };
  const accepted = once(server, 'connection');
  const client = await RawFtpClient.connect(address.port);
  clients.push(client);
  const [socket] = await accepted;
  const listener = { name: 'test', host: '127.0.0.1', port: address.port, tls: 'explicit' as const };
  const origin = {
    remoteAddress: '127.0.0.1',
    remotePort: 1,
    localAddress: '127.0.0.1',
    localPort: 2,
    proxied: false,
    listener,
  };
  const context = {
    options: resolved,
    ports,
    sessions: new SessionRegistry(),
    data: new DataServices(resolved, ports.log),
    receipts: new Receipts(),
    replies: [0, 0, 0, 0, 0, 0],
    tlsAvailable: false,
  };
  const session = new Session('id', context, origin, Date.now());
  session.grant = aGrant();
  let onClosed!: () => void;
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  const table = compileTable([...commands, noop, quit, abor, stat]);
  const channel = new ControlChannel(socket, session, {
    table,
    certificates: new CertificateStore(null),
    onSecured: () => {},
    onClosed,
  });
  channel.start();
  expect((await client.reply()).code).toBe(220);
  return { client, channel, session, ports, closed };
}

async function codes(client: RawFtpClient, count: number): Promise<number[]> {
  const found = [];
  for (let index = 0; index < count; index++) found.push((await client.reply()).code);
  return found;
}

/** A command that throws, at once or later. */
function failing(directive: string, error: unknown, later: boolean): CommandDefinition {
  return defineCommand({
    directive,
    syntax: '',
    description: '',
    rfc: '',
    replyCodes: { 'path.not-found': 450 },
    handler: () => {
      if (later) return Promise.reject(error);
      throw error;
    },
  });
}

describe('the control channel', () => {
  it('answers pipelined commands in order, in one write', async () => {
    const { client } = await open([]);
    client.write('NOOP\r\nWHAT\r\nnoop\n');
    expect(await codes(client, 3)).toEqual([200, 500, 200]);
  });

  it('runs nothing while a command runs, and then the rest in order', async () => {
    const slow = new Slow();
    const { client } = await open([slow.definition]);
    client.write('SLOW\r\nNOOP\r\n');
    client.write('SLOW\r\nWHAT\r\n');
    const first = await slow.run();
    expect((await client.reply()).code).toBe(150);
    expect(slow.runs).toHaveLength(1);
    first.finish(DONE);
    expect(await codes(client, 3)).toEqual([226, 200, 150]);
    (await slow.run(1)).finish(DONE);
    expect(await codes(client, 2)).toEqual([226, 500]);
  });

  it.each([
    ['ABOR', Buffer.from('ABOR\r\n')],
    ['ABOR behind Telnet interrupt and data mark', Buffer.from('\xff\xf4\xff\xf2ABOR\r\n', 'latin1')],
    ['ABOR behind a data mark whose IAC went out of band', Buffer.from('\xff\xf4\xf2ABOR\r\n', 'latin1')],
  ])('stops a transfer on %s: 426, then 226', async (_, bytes) => {
    const slow = new Slow();
    const { client } = await open([slow.definition]);
    client.write('SLOW\r\n');
    const run = await slow.run();
    run.context.signal.addEventListener('abort', () => run.fail(run.context.signal.reason));
    client.write(bytes);
    expect(await codes(client, 3)).toEqual([150, 426, 226]);
    expect(run.context.signal.reason).toMatchObject({ abortCause: 'abor' });
  });

  it('answers ABOR with 226 where nothing runs', async () => {
    const { client } = await open([]);
    expect((await client.command('ABOR')).code).toBe(226);
  });

  it('answers ABOR with 225 where a data connection was prepared, and closes it', async () => {
    const { client, session } = await open([]);
    let ended = 0;
    session.dataChannel = { connected: true, end: () => ended++ } as unknown as Session['dataChannel'];
    expect((await client.command('ABOR')).code).toBe(225);
    expect(ended).toBe(1);
    expect(session.dataChannel).toBeNull();
  });

  it('answers STAT in the middle of a transfer', async () => {
    const slow = new Slow();
    const { client } = await open([slow.definition]);
    client.write('SLOW\r\n');
    const run = await slow.run();
    client.write('NOOP\r\nSTAT\r\n');
    expect(await codes(client, 2)).toEqual([150, 211]);
    run.finish(DONE);
    expect(await codes(client, 2)).toEqual([226, 200]);
  });

  it('finishes a transfer before QUIT, also when the client closes its side after it', async () => {
    const slow = new Slow();
    const { client, channel, closed } = await open([slow.definition]);
    client.write('SLOW\r\nQUIT\r\n');
    await new Promise<void>((resolve) => client.socket.end(resolve));
    const run = await slow.run();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(run.context.signal.aborted).toBe(false);
    expect(channel.alive).toBe(true);
    run.finish(DONE);
    expect(await codes(client, 3)).toEqual([150, 226, 221]);
    await closed;
  });

  it('stops a transfer when the control connection is closed or reset', async () => {
    for (const lose of ['end', 'resetAndDestroy'] as const) {
      const slow = new Slow();
      const { client, channel, closed } = await open([slow.definition]);
      client.write('SLOW\r\n');
      const run = await slow.run();
      const aborted = once(run.context.signal, 'abort');
      client.socket[lose]();
      await aborted;
      expect(run.context.signal.reason).toMatchObject({ abortCause: 'control-lost' });
      expect(channel.alive).toBe(false);
      run.fail(run.context.signal.reason);
      await closed;
    }
  });

  it('closes only after the running command has settled', async () => {
    const slow = new Slow();
    const { client, closed, session } = await open([slow.definition]);
    client.write('SLOW\r\n');
    const run = await slow.run();
    expect((await client.reply()).code).toBe(150);
    const pending = Symbol('pending');
    client.socket.destroy();
    await once(run.context.signal, 'abort');
    const soon = new Promise((resolve) => setTimeout(resolve, 20, pending));
    expect(await Promise.race([closed, soon])).toBe(pending);
    run.finish(DONE);
    await closed;
    expect(session.endReason).toBe('connection-closed');
  });

  it('answers commands that came before the client closed its side', async () => {
    const { client, closed } = await open([]);
    client.write('NOOP\r\nNOOP\r\n');
    client.socket.end();
    expect(await codes(client, 2)).toEqual([200, 200]);
    await closed;
  });

  it('ends a session with 426 for its transfer and then the reason', async () => {
    const slow = new Slow();
    const { client, channel, closed } = await open([slow.definition]);
    client.write('SLOW\r\nNOOP\r\n');
    const run = await slow.run();
    run.context.signal.addEventListener('abort', () => run.fail(run.context.signal.reason));
    await channel.end(421, 'Out.');
    expect(await codes(client, 3)).toEqual([150, 426, 421]);
    await closed;
    expect(await client.closed()).toBe('');
  });

  it('lets the running command finish when it ends idle', async () => {
    const slow = new Slow();
    const { client, channel, closed } = await open([slow.definition]);
    client.write('SLOW\r\n');
    const run = await slow.run();
    channel.endWhenIdle(421, 'Going down.', 'drain');
    run.finish(DONE);
    expect(await codes(client, 3)).toEqual([150, 226, 421]);
    await closed;
  });

  it('answers errors of the table with their codes and bugs with 451, and stays open', async () => {
    const { client, ports } = await open([
      failing('AAAA', new DomainError('path.busy'), false),
      failing('BBBB', new DomainError('path.not-found'), true),
      failing('CCCC', new TypeError('secret path /srv'), false),
      failing('DDDD', new TypeError('secret path /srv'), true),
    ]);
    client.write('AAAA\r\nBBBB\r\nCCCC\r\nDDDD\r\nNOOP\r\n');
    const replies = [];
    for (let index = 0; index < 5; index++) replies.push(await client.reply());
    expect(replies.map(({ code }) => code)).toEqual([450, 450, 451, 451, 200]);
    expect(replies.map(({ text }) => text).join('')).not.toContain('/srv');
    expect(ports.complaints).toHaveLength(2);
  });

  it('answers an overlong line with 500 and closes at the second', async () => {
    const { client, closed, session } = await open([]);
    const long = `NOOP ${'x'.repeat(70_000)}DELE a\r\n`;
    client.write(`${long}NOOP\r\n`);
    expect(await codes(client, 2)).toEqual([500, 200]);
    client.write(long);
    expect(await codes(client, 1)).toEqual([500]);
    await closed;
    expect(session.endReason).toBe('overlong-lines');
  });

  it('stops reading when too many commands wait, and goes on when they are answered', async () => {
    const slow = new Slow();
    const { client } = await open([slow.definition], { limits: { queuedCommands: 10 } });
    client.write(`SLOW\r\n${'NOOP\r\n'.repeat(500)}`);
    const run = await slow.run();
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.write('NOOP\r\n'.repeat(500));
    run.finish(DONE);
    expect(await codes(client, 1002)).toEqual([150, 226, ...Array<number>(1000).fill(200)]);
  });

  it('runs what waits behind a full queue as its own client sent it, whatever others send meanwhile', async () => {
    const slow = new Slow();
    const told: string[] = [];
    const tell = defineCommand({
      directive: 'TELL',
      syntax: '',
      description: '',
      rfc: '',
      handler: ({ arg }) => {
        told.push(arg);
        return reply(200, 'Told.');
      },
    });
    const { client } = await open([slow.definition, tell], { limits: { queuedCommands: 1 } });
    const other = await open([tell]);
    client.write('SLOW\r\nTELL one\r\nTELL zw\u{f6}lf\r\nTELL three\r\n');
    const run = await slow.run();
    other.client.write('TELL theirs-and-theirs-alone, long enough to lie over all of it\r\n');
    expect(await codes(other.client, 1)).toEqual([200]);
    told.length = 0;
    run.finish(DONE);
    expect(await codes(client, 5)).toEqual([150, 226, 200, 200, 200]);
    expect(told).toEqual(['one', 'zw\u{f6}lf', 'three']);
  });

  it('runs nothing for a client that reads no replies, and drops it in the end', async () => {
    let calls = 0;
    const talk = defineCommand({
      directive: 'TALK',
      syntax: '',
      description: '',
      rfc: '',
      handler: () => {
        calls++;
        return reply(200, 'x'.repeat(4000));
      },
    });
    const { client, channel, closed, session } = await open([talk], {
      limits: { unreadReplyBytes: 64 * 1024 },
      timeouts: { unread: 50 },
    });
    client.socket.pause();
    const count = 20_000;
    client.write('TALK\r\n'.repeat(count));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(calls).toBeLessThan(count);
    channel.tick(performance.now());
    await closed;
    expect(session.endReason).toBe('replies-unread');
  });

  it('goes on when a slow reader has read', async () => {
    const { client } = await open([], { limits: { unreadReplyBytes: 1024 } });
    client.socket.pause();
    client.write('NOOP\r\n'.repeat(200_000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.socket.resume();
    expect(await codes(client, 1000)).toEqual(Array<number>(1000).fill(200));
  });

  it('closes at once what speaks another protocol before login', async () => {
    for (const line of ['GET / HTTP/1.1', 'POST /x HTTP/1.0', 'Host: x', 'EHLO x', '\u0001\u0002']) {
      const { client, session, closed } = await open([]);
      session.grant = null;
      client.write(`${line}\r\nNOOP\r\n`);
      expect(await client.closed()).toBe('');
      await closed;
      expect(session.endReason).toBe('foreign-protocol');
    }
  });

  it('limits the commands before login', async () => {
    const { client, session, closed } = await open([], { limits: { commandsBeforeLogin: 3 } });
    session.grant = null;
    client.write('NOOP\r\n'.repeat(5));
    expect(await codes(client, 4)).toEqual([200, 200, 200, 421]);
    await closed;
  });

  it('counts idle time between commands only', async () => {
    const slow = new Slow();
    const { client, channel, closed, session } = await open([slow.definition], { timeouts: { idle: 1000 } });
    client.write('SLOW\r\n');
    const run = await slow.run();
    channel.tick(performance.now() + 5000);
    run.finish(DONE);
    expect(await codes(client, 2)).toEqual([150, 226]);
    channel.tick(performance.now() + 500);
    expect((await client.command('NOOP')).code).toBe(200);
    channel.tick(performance.now() + 1001);
    expect((await client.reply()).code).toBe(421);
    await closed;
    expect(session.endReason).toBe('idle');
  });

  it('ends a connection that does not log in', async () => {
    const { client, channel, closed, session } = await open([], { timeouts: { login: 1000 } });
    session.grant = null;
    channel.tick(performance.now() + 1001);
    expect((await client.reply()).code).toBe(421);
    await closed;
    expect(session.endReason).toBe('login-timeout');
  });

  it('drops a client that does not close after the last reply', async () => {
    const { client, channel, closed } = await open([], { timeouts: { close: 1000 } });
    client.socket.allowHalfOpen = true;
    expect((await client.command('QUIT')).code).toBe(221);
    channel.tick(performance.now() + 1001);
    await closed;
  });

  it('is done with a session whose running command does not look at its signal', async () => {
    const deaf = defineCommand({
      directive: 'DEAF',
      syntax: '',
      description: '',
      rfc: '',
      handler: () => new Promise(() => {}),
    });
    const { client, channel, closed } = await open([deaf]);
    client.write('DEAF\r\n');
    while (channel.running === null) await new Promise(setImmediate);
    expect(channel.running.verb).toBe('DEAF');
    void channel.end(421, 'kicked');
    channel.tick(performance.now() + 10_001);
    await once(client.socket.resume(), 'close');
    channel.tick(performance.now() + 20_002);
    expect(await closed).toBeUndefined();
  });
});
