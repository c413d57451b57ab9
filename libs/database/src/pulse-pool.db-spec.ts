import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestDatabase, startTestDatabase } from '@quayside/testing';
import { PulsePool } from './pulse-pool.js';

/** Stands before PostgreSQL and can fall silent: it accepts and keeps connections and lets nothing through. */
class Curtain {
  readonly #pairs: [Socket, Socket][] = [];
  #server: Server | undefined;
  #drawn = false;

  async open(target: URL): Promise<string> {
    const server = (this.#server = createServer((near) => {
      const far = connect(Number(target.port), target.hostname);
      for (const socket of [near, far]) socket.on('error', () => undefined);
      this.#pairs.push([near, far]);
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
      if (!this.#drawn) near.pipe(far).pipe(near);
      else near.pause();
    }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = new URL(target);
    url.port = String((server.address() as AddressInfo).port);
    return url.href;
  }

  draw(): void {
    this.#drawn = true;
    for (const [near, far] of this.#pairs) {
      near.unpipe(far).pause();
      far.unpipe(near).pause();
    }
  }

  lift(): void {
    this.#drawn = false;
    for (const [near, far] of this.#pairs) if (!near.destroyed) near.pipe(far).pipe(near);
  }

  close(): void {
    this.#server?.close();
    for (const [near] of this.#pairs) near.destroy();
  }
}

let test: TestDatabase;
let pool: PulsePool;
const curtain = new Curtain();
const told: string[] = [];

beforeAll(async () => {
  test = await startTestDatabase();
  const connectionString = await curtain.open(new URL(test.url));
  pool = new PulsePool(
    // Statements have no timeout of their own.
    { connectionString, max: 2, connectionTimeoutMillis: 3_000 },
    {
      patienceMs: 100,
      // What the first test starts must not put off what the second waits for.
      againMs: 200,
      probeMs: 500,
      retryMs: 100,
      onSilent: () => told.push('silent'),
      onBack: () => told.push('back'),
    },
  );
  pool.on('error', () => undefined);
});
afterAll(async () => {
  await pool.end();
  curtain.close();
  await test.stop();
});

describe('PulsePool', () => {
  it('waits for a server that is slow but lives', async () => {
    await pool.query('SELECT pg_sleep(0.8)');
    expect(told).toEqual([]);
  });

  it('fails what is under way and what comes new while the server is silent, and works again after', async () => {
    const [transaction, spare] = [await pool.connect(), await pool.connect()];
    spare.release();
    transaction.on('error', () => undefined);
    curtain.draw();
    // One runs in a connection of the pool, one in one that is out, the last waits for one.
    const running = [pool.query('SELECT 1'), transaction.query('SELECT 2')];
    const waiting = pool.query('SELECT 3').catch(() => undefined);
    const outcomes = await Promise.allSettled(running);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ reason: { message: expect.stringMatching(/^Connection terminated/) } });
    }
    transaction.release(true);
    expect(pool.silent).toBe(true);
    await expect(pool.query('SELECT 4')).rejects.toThrow('does not answer');
    await expect(pool.connect()).rejects.toThrow('does not answer');
    curtain.lift();
    await waiting;
    while (pool.silent) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await pool.query<{ five: number }>('SELECT 5 AS five')).rows).toEqual([{ five: 5 }]);
    expect(told).toEqual(['silent', 'back']);
  });
});
