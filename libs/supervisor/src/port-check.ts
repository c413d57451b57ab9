import { createServer } from 'node:net';
import { listenError, type ListenTarget } from './fatal-error.js';

/**
 * Throws a {@link FatalError} that names the setting when the port cannot be had. Asked before workers start, because
 * their SO_REUSEPORT sockets would share a port with another installation without complaint.
 */
export async function assertPortFree(target: ListenTarget): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: target.port, host: target.host, exclusive: true }, resolve);
    });
  } catch (error) {
    throw listenError(error, target);
  }
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}
