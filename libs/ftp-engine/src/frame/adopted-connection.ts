// oxlint-disable-next-line typescript/triple-slash-reference -- ambient types reach the apps' compilations only so
/// <reference path="./ftp-srv.d.ts" />
import type { Socket } from 'node:net';
import type { FtpServer } from 'ftp-srv';
import Commands from 'ftp-srv/src/commands/index.js';
import FrameConnection from 'ftp-srv/src/connection.js';
import BaseConnector from 'ftp-srv/src/connector/base.js';
import type { FrameLog } from './log-bridge.js';

/**
 * ftp-srv's connection object in its first state, without what its constructor does at every connection: a random id,
 * a reader and other listeners on the socket, and parts that nothing asks for. Those are made when they are asked for.
 */
class AdoptedConnection {
  readonly transferType = 'binary';
  readonly encoding = 'utf8';
  readonly bufferSize = false;
  readonly _restByteCount = 0;
  _secure = false;
  #commands: Commands | null = null;
  #connector: BaseConnector | null = null;

  constructor(
    readonly server: FtpServer,
    readonly id: string,
    public commandSocket: Socket,
    readonly log: FrameLog,
  ) {}

  get commands(): Commands {
    this.#commands ??= new Commands(this);
    return this.#commands;
  }

  get connector(): BaseConnector {
    this.#connector ??= new BaseConnector(this);
    return this.#connector;
  }

  set connector(connector: BaseConnector) {
    this.#connector = connector;
  }
}

// An instance of ftp-srv's class for whoever gets it by an event.
Object.setPrototypeOf(AdoptedConnection.prototype, FrameConnection.prototype);

export function adoptConnection(server: FtpServer, id: string, socket: Socket, log: FrameLog): FrameConnection {
  return new AdoptedConnection(server, id, socket, log) as unknown as FrameConnection;
}
