import { once } from 'node:events';
import { createServer } from 'node:net';

const TRIES = 20;

/**
 * A port of 127.0.0.1 for a program that is started in a moment. Below those that the kernel gives out by itself, or it
 * would be some connection's by then; files that run at the same time take from halves of the range.
 */
export async function freePort(): Promise<number> {
  for (let tries = 1; ; tries++) {
    const half = Number(process.env['JEST_WORKER_ID'] ?? 0) % 2;
    const port = 10_000 + Math.floor(Math.random() * 5_000) * 2 + half;
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      if (tries === TRIES) throw error;
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
