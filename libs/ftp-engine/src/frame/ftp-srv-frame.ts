// oxlint-disable-next-line typescript/triple-slash-reference -- ambient types reach the apps' compilations only so
/// <reference path="./ftp-srv.d.ts" />
import type { EventEmitter } from 'node:events';
import type { Server, Socket } from 'node:net';
import { FtpSrv } from 'ftp-srv';
import type FrameConnection from 'ftp-srv/src/connection.js';
import type { ListenerOptions } from '../engine-options.js';
import type { Log } from '../ports.js';
import { adoptConnection } from './adopted-connection.js';
import { bridgeLog, type FrameLog } from './log-bridge.js';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
const BACKLOG = 1024;

/** What the frame hands on. */
export interface FrameHandlers {
  /** A connection that nothing was said on; its socket is paused. Must not throw. */
  readonly onConnection: (socket: Socket) => void;
  readonly onError: (error: Error) => void;
}

/** The members of ftp-srv's server that its declarations leave out. */
interface FrameServer extends FtpSrv {
  server: Server;
  connections: Record<string, FrameConnection>;
}

/**
 * One listener on ftp-srv: its server, its connection objects, its events. What ftp-srv does to a socket by itself is
 * taken out: it would greet before admission, read lines without a buffer, end the process on signals and leave a timer
 * behind with each connection (SEMANTICS §12).
 */
export class FtpSrvFrame {
  readonly #server: FrameServer;
  readonly #log: FrameLog;

  constructor(
    readonly listener: ListenerOptions,
    log: Log,
    handlers: FrameHandlers,
  ) {
    this.#log = bridgeLog(log);
    this.#server = withoutSignalHandlers(
      () => new FtpSrv({ log: this.#log, url: 'ftp://127.0.0.1:0', timeout: 0 }) as FrameServer,
    );
    const { server } = this.#server;
    server.removeAllListeners('connection');
    // A client may close its sending side and still wait for replies; the control channel decides when to close.
    (server as { allowHalfOpen?: boolean }).allowHalfOpen = true;
    server.on('connection', handlers.onConnection);
    (this.#server as unknown as EventEmitter).on('server-error', ({ error }: { error: Error }) =>
      handlers.onError(error),
    );
    // Its own would leave a timer that holds the connection for a second.
    this.#server.disconnectClient = (id: string) => {
      delete this.#server.connections[id];
      return Promise.resolve('Disconnected');
    };
  }

  /** The server of the listening socket. */
  get netServer(): Server {
    return this.#server.server;
  }

  /** ftp-srv's server, for its events (`connect`, `disconnect`, `client-error`, `closing`, `closed`). */
  get ftpServer(): FtpSrv {
    return this.#server;
  }

  get connectionCount(): number {
    return Object.keys(this.#server.connections).length;
  }

  listen(): Promise<void> {
    const { fd, host, port } = this.listener;
    const { netServer } = this;
    return new Promise((resolve, reject) => {
      netServer.once('error', reject);
      netServer.listen(fd === undefined ? { host, port, backlog: BACKLOG } : { fd }, () => {
        netServer.removeListener('error', reject);
        resolve();
      });
    });
  }

  /** ftp-srv's object for an admitted socket, which nothing reads; announced by `connect`. */
  adopt(socket: Socket, id: string): FrameConnection {
    const connection = adoptConnection(this.#server, id, socket, this.#log);
    socket.on('error', (error) => {
      this.#server.emit('client-error', { connection, context: 'commandSocket', error });
    });
    this.#server.connections[connection.id] = connection;
    this.#server.emit('connect', { connection, id: connection.id });
    return connection;
  }

  /** The connection is gone; announced by `disconnect`. */
  release(connection: FrameConnection): void {
    delete this.#server.connections[connection.id];
    this.#server.emit('disconnect', { connection, id: connection.id });
    connection.removeAllListeners();
  }

  /** No more connections; open ones stay. Idempotent. */
  closeListener(): void {
    if (!this.netServer.listening) return;
    this.#server.emit('closing');
    this.netServer.close();
  }

  /** After the last connection ended. */
  dispose(): void {
    this.#server.emit('closed', {});
    this.#server.removeAllListeners();
  }
}

/** ftp-srv's constructor makes the process exit on signals; take off exactly what it put on. */
function withoutSignalHandlers<T>(construct: () => T): T {
  const before = SIGNALS.map((signal) => new Set(process.listeners(signal)));
  const made = construct();
  SIGNALS.forEach((signal, index) => {
    for (const listener of process.listeners(signal)) {
      if (!before[index]!.has(listener)) process.removeListener(signal, listener);
    }
  });
  return made;
}
