import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once, setMaxListeners } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PassivePool, type PassivePoolOptions } from './passive-pool.js';

const never = new AbortController().signal;
setMaxListeners(0, never);
const open: { close(): Promise<void> }[] = [];
const sockets: Socket[] = [];

function aPool(options: Partial<PassivePoolOptions> = {}): PassivePool {
  const pool = new PassivePool({
    host: '127.0.0.1',
    ports: [0, 0],
    waitMs: 5000,
    standstillMs: 5000,
    closedMs: 20,
    leastClosedMs: 20,
    ...options,
  });
  open.push(pool);
  return pool;
}

async function dial(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const pool of open.splice(0)) await pool.close();
});

describe('PassivePool', () => {
  it('gives the connection of the right address to the session, whether it comes before or after take', async () => {
    const pool = aPool();
    const early = await pool.reserve('127.0.0.1', never);
    const client = await dial(early.port);
    while (!early.connected) await new Promise(setImmediate);
    const { socket: one } = await early.take(1000, never);
    expect(one.remotePort).toBe(client.localPort);
    const late = await pool.reserve('127.0.0.1', never);
    const taking = late.take(1000, never);
    const second = await dial(late.port);
    expect((await taking).socket.remotePort).toBe(second.localPort);
  });

  it('drops a stranger, counts it, and still serves the owner', async () => {
    const seen: unknown[] = [];
    const pool = aPool({ onStranger: (address, _port, waiting) => seen.push([address, waiting]) });
    const reservation = await pool.reserve('127.0.0.1', never, { id: 'session' });
    const stranger = await dial(reservation.port, '127.0.0.2');
    await once(stranger, 'close');
    const taking = reservation.take(1000, never);
    const owner = await dial(reservation.port);
    expect((await taking).socket.remotePort).toBe(owner.localPort);
    expect(seen).toEqual([['127.0.0.2', [{ id: 'session' }]]]);
    expect(pool.strangers).toBe(1);
    expect(reservation.strangers).toBe(1);
  });

  it('lets many sessions of one address share few ports, each with its own connection', async () => {
    const pool = aPool({ ports: [0, 0, 0, 0] });
    const session = async (): Promise<void> => {
      const reservation = await pool.reserve('127.0.0.1', never);
      const client = await dial(reservation.port);
      const { socket } = await reservation.take(5000, never);
      expect(socket.remotePort).toBe(client.localPort);
      socket.destroy();
    };
    await Promise.all(Array.from({ length: 50 }, session));
  });

  it('serves another address while every port is reserved for the first', async () => {
    const pool = aPool({ ports: [0] });
    const first = await pool.reserve('127.0.0.1', never);
    const other = await pool.reserve('127.0.0.2', never);
    expect(other.port).toBe(first.port);
    const client = await dial(other.port, '127.0.0.2');
    expect((await other.take(1000, never)).socket.remotePort).toBe(client.localPort);
    expect(first.connected).toBe(false);
  });

  it('never gives the late connection of one session to another', async () => {
    const pool = aPool({ ports: [0], closedMs: 100, leastClosedMs: 100 });
    const late = await pool.reserve('127.0.0.1', never);
    late.release();
    const next = pool.reserve('127.0.0.1', never);
    // What comes now was on its way to the session that had the port before.
    const stranger = await dial(late.port);
    await once(stranger, 'close');
    const reservation = await next;
    expect(reservation.port).toBe(late.port);
    expect(reservation.connected).toBe(false);
    expect(pool.strangers).toBe(1);
  });

  it('keeps a port for whoever asked for it, however long nobody connects and others wait', async () => {
    const pool = aPool({ ports: [0], waitMs: 40, closedMs: 1, leastClosedMs: 1 });
    const patient = await pool.reserve('127.0.0.1', never);
    for (let round = 0; round < 3; round++) {
      await expect(pool.reserve('127.0.0.1', never)).rejects.toMatchObject({ code: 'data.no-connection' });
    }
    const client = await dial(patient.port);
    expect((await patient.take(1000, never)).socket.remotePort).toBe(client.localPort);
  });

  it('keeps a port closed to other sessions only, once its client did not come', async () => {
    const pool = aPool({ ports: [0], waitMs: 30, closedMs: 60_000, leastClosedMs: 60_000 });
    const [owner, other] = [{}, {}];
    (await pool.reserve('127.0.0.1', never, owner)).release();
    await expect(pool.reserve('127.0.0.1', never, other)).rejects.toMatchObject({ code: 'data.no-connection' });
    (await pool.reserve('127.0.0.2', never, other)).release();
    (await pool.reserve('127.0.0.1', never, owner)).release();
  });

  it('refuses with data.no-connection when a transfer waits on every port for too long', async () => {
    const pool = aPool({ ports: [0], waitMs: 60 });
    const busy = await pool.reserve('127.0.0.1', never);
    const waiting = busy.take(5000, never).catch((error: unknown) => error);
    await expect(pool.reserve('127.0.0.1', never)).rejects.toMatchObject({ code: 'data.no-connection' });
    busy.release();
    expect(await waiting).toMatchObject({ code: 'data.no-connection' });
  });

  it('refuses once nobody of the address has got a slot for a while', async () => {
    const pool = aPool({ ports: [0], waitMs: 3_600_000, standstillMs: 20 });
    await pool.reserve('127.0.0.1', never);
    await expect(pool.reserve('127.0.0.1', never)).rejects.toMatchObject({ code: 'data.no-connection' });
  });

  it('refuses at once where no port can be opened', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const pool = aPool({ ports: [port], waitMs: 3_600_000, standstillMs: 3_600_000 });
    await expect(pool.reserve('127.0.0.1', never)).rejects.toMatchObject({ code: 'data.no-connection' });
    other.close();
  });

  it('gives a port whose client did not come to others sooner where no other is left', async () => {
    const pool = aPool({ ports: [0], closedMs: 3_600_000, leastClosedMs: 20 });
    const first = await pool.reserve('127.0.0.1', never, {});
    first.release();
    expect((await pool.reserve('127.0.0.1', never, {})).port).toBe(first.port);
  });

  it('serves those who wait in the order in which they came', async () => {
    const pool = aPool({ ports: [0] });
    const held = await pool.reserve('127.0.0.1', never);
    const order: number[] = [];
    const waiters = [1, 2, 3].map(async (number) => {
      const reservation = await pool.reserve('127.0.0.1', never);
      order.push(number);
      reservation.release();
    });
    held.release();
    await Promise.all(waiters);
    expect(order).toEqual([1, 2, 3]);
  });

  it('passes the slot on when the one it was meant for gives up', async () => {
    const pool = aPool({ ports: [0] });
    const held = await pool.reserve('127.0.0.1', never);
    const leaving = new AbortController();
    const gone = pool.reserve('127.0.0.1', leaving.signal).catch(() => 'gone');
    const next = pool.reserve('127.0.0.1', never);
    held.release();
    leaving.abort();
    expect(await gone).toBe('gone');
    (await next).release();
  });

  it('skips a port that somebody else has', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const taken = (other.address() as AddressInfo).port;
    const pool = aPool({ ports: [taken, 0] });
    for (let round = 0; round < 5; round++) {
      const reservation = await pool.reserve('127.0.0.1', never);
      expect(reservation.port).not.toBe(taken);
      reservation.release();
    }
    other.close();
  });

  it('survives a client that connects and resets before any transfer', async () => {
    const pool = aPool();
    const reservation = await pool.reserve('127.0.0.1', never);
    const client = await dial(reservation.port);
    while (!reservation.connected) await new Promise(setImmediate);
    client.resetAndDestroy();
    await once(client, 'close');
    const { socket } = await reservation.take(1000, never);
    const errors: string[] = [];
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(errors).toEqual(['ECONNRESET']);
  });

  it('times out with data.no-connection when the client never connects', async () => {
    const pool = aPool();
    const reservation = await pool.reserve('127.0.0.1', never);
    await expect(reservation.take(20, never)).rejects.toMatchObject({ code: 'data.no-connection' });
    expect(reservation.ended).toBe(true);
  });

  it('stops waiting when the transfer is aborted', async () => {
    const pool = aPool();
    const reservation = await pool.reserve('127.0.0.1', never);
    const abort = new AbortController();
    const taking = reservation.take(10_000, abort.signal);
    abort.abort(new Error('ABOR'));
    await expect(taking).rejects.toThrow('ABOR');
  });
});
