import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import FrameConnection from 'ftp-srv/src/connection.js';
import { FakePorts, RawFtpClient, startEngine } from '@quayside/testing';
import { COMMANDS } from '../commands/index.js';
import { bridgeLog } from './log-bridge.js';
import { FtpSrvFrame } from './ftp-srv-frame.js';
import { connectRegistry, installRegistry, registeredVerbs } from './registry.js';

const { log } = new FakePorts();
const listener = { name: 'test', host: '127.0.0.1', port: 0, tls: 'explicit' as const };

const frames: FtpSrvFrame[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const frame of frames.splice(0)) {
    frame.closeListener();
    frame.dispose();
  }
});

function ignore(): void {}

function readJson(path: string) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** A listening frame and one accepted connection. */
async function accepted(): Promise<{ frame: FtpSrvFrame; socket: Socket; client: Socket }> {
  let onConnection!: (socket: Socket) => void;
  const connection = new Promise<Socket>((resolve) => {
    onConnection = resolve;
  });
  const frame = new FtpSrvFrame(listener, log, { onConnection, onError: () => {} });
  frames.push(frame);
  await frame.listen();
  const client = connect((frame.netServer.address() as { port: number }).port, '127.0.0.1');
  await once(client, 'connect');
  const socket = await connection;
  sockets.push(client, socket);
  return { frame, socket, client };
}

describe('the seams of ftp-srv that the frame relies on', () => {
  it('adds one handler per signal in its constructor, and the frame takes off exactly those', () => {
    process.on('SIGTERM', ignore);
    const before = (['SIGTERM', 'SIGINT', 'SIGQUIT'] as const).map((signal) => process.listeners(signal).length);
    frames.push(new FtpSrvFrame(listener, log, { onConnection: () => {}, onError: () => {} }));
    const after = (['SIGTERM', 'SIGINT', 'SIGQUIT'] as const).map((signal) => process.listeners(signal).length);
    expect(after).toEqual(before);
    expect(process.listeners('SIGTERM')).toContain(ignore);
    process.off('SIGTERM', ignore);
  });

  it('has one connection listener, which the frame replaces, so that nothing is said before admission', async () => {
    const { frame, socket, client } = await accepted();
    expect(frame.netServer.listenerCount('connection')).toBe(1);
    expect(socket.isPaused()).toBe(true);
    let said = '';
    client.on('data', (bytes) => {
      said += bytes;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(said).toBe('');
  });

  it('has a connection object whose first state is that of the one the frame makes without its constructor', async () => {
    const { frame, socket } = await accepted();
    const bare = new FrameConnection(frame.ftpServer, { log: bridgeLog(log), socket });
    socket.removeAllListeners();
    const adopted = frame.adopt(socket, 'a');
    expect(adopted).toBeInstanceOf(FrameConnection);
    expect(socket.listenerCount('data')).toBe(0);
    const shapes = (connection: FrameConnection) =>
      Object.keys(bare)
        .filter((key) => key !== 'id' && !key.startsWith('_events'))
        .map((key): unknown => connection[key as keyof FrameConnection])
        .map((value) => (typeof value === 'object' && value !== null ? value.constructor : value));
    expect(shapes(adopted)).toEqual(shapes(bare));
    bare.secure = true;
    adopted.secure = true;
    expect(adopted.secure).toBe(bare.secure);
    const heard: unknown[] = [];
    adopted.on('told', (what) => heard.push(what));
    adopted.emit('told', 1);
    expect(heard).toEqual([1]);
  });

  it('announces connections with connect and disconnect, and forgets them without a timer', async () => {
    const { frame, socket } = await accepted();
    const events: string[] = [];
    const server = frame.ftpServer as unknown as NodeJS.EventEmitter;
    server.on('connect', () => events.push('connect'));
    server.on('disconnect', () => events.push('disconnect'));
    const connection = frame.adopt(socket, 'a');
    expect(frame.connectionCount).toBe(1);
    const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    frame.release(connection);
    expect(frame.connectionCount).toBe(0);
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length).toBe(timers);
    expect(events).toEqual(['connect', 'disconnect']);
  });

  it('keeps its verbs in one plain object, which is the image of our table', () => {
    installRegistry(COMMANDS);
    installRegistry(COMMANDS);
    const ours = COMMANDS.flatMap((command) => [command.directive, ...(command.aliases ?? [])]);
    expect(registeredVerbs().toSorted()).toEqual(ours.toSorted());
  });

  it('runs a parsed command without its own parser, which strips quotes and dashes', async () => {
    installRegistry(COMMANDS);
    const { frame, socket } = await accepted();
    const connection = frame.adopt(socket, 'a');
    const lines: string[] = [];
    connectRegistry(connection, { submit: (line) => lines.push(line) });
    const raw = 'NOOP a "quoted" -x';
    await connection.commands.handle({ directive: 'NOOP', arg: 'a "quoted" -x', flags: [], raw });
    expect(lines).toEqual([raw]);
  });

  it('listens on a free port by its own net.Server', async () => {
    const { frame } = await accepted();
    expect(frame.netServer.listening).toBe(true);
    frame.closeListener();
    expect(frame.netServer.listening).toBe(false);
  });

  it('is the pinned version', () => {
    expect(readJson('node_modules/ftp-srv/package.json').version).toBe('4.6.3');
    expect(readJson('package.json').dependencies['ftp-srv']).toBe('4.6.3');
  });
});

describe('an engine on the frame', () => {
  it('serves on when a connection is reset before anything is said', async () => {
    const fixture = await startEngine();
    for (let count = 0; count < 20; count++) {
      const socket = connect(fixture.port(), '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.resetAndDestroy();
    }
    const client = await RawFtpClient.connect(fixture.port());
    expect((await client.reply()).code).toBe(220);
    client.close();
    await fixture.stop();
  });
});
