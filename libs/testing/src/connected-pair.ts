import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Both ends of a TCP connection over loopback. */
export interface ConnectedPair {
  readonly client: Socket;
  /** Paused and half-open, as the servers of the product accept. */
  readonly accepted: Socket;
  /** Ends both, whatever is under way. */
  close(): Promise<void>;
}

/** Errors of the ends are heard by nobody: who waits for one listens for it. */
export async function connectedPair(): Promise<ConnectedPair> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay(true);
  const [accepted] = (await once(server, 'connection')) as [Socket];
  for (const socket of [client, accepted]) socket.on('error', () => undefined);
  return {
    client,
    accepted,
    close: async () => {
      client.destroy();
      accepted.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
