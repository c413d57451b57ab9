import type { Socket } from 'node:net';
import { DomainError } from '@quayside/domain';
import type { CommandContext } from '../commands/define-command.js';
import { reply } from '../control/reply.js';
import type { DataChannel } from '../data/data-channel.js';
import type { PlainConnection } from '../data/plain-connection.js';
import { recordDataFailure } from '../doctor/record-data-failure.js';
import { notResumed, protectDataSocket } from '../tls/protect-data-socket.js';
import { TlsRecordTap } from './tls-record-tap.js';
import { asTransferFailure, TransferFailure } from './transfer-failure.js';

/** A data connection in use. */
export class DataConnection {
  constructor(
    /** The TCP connection; under TLS, what the socket runs over. */
    readonly plain: PlainConnection,
    private readonly secured: Socket | null = null,
    /** Where the way in which a TLS stream ends has to be known. */
    readonly tap: TlsRecordTap | null = null,
  ) {}

  get tls(): boolean {
    return this.secured !== null;
  }

  /** What the bytes of the transfer go through; whoever asks for it needs a socket of Node's. */
  get socket(): Socket {
    return this.secured ?? this.plain.socket;
  }

  destroy(): void {
    this.secured?.destroy();
    this.plain.destroy();
  }
}

/**
 * The data connection of a transfer command, in the order of RFC 4217 §10.2: TCP connection, 150, TLS handshake. The
 * socket is paused and half-open. What PASV or PORT prepared is used up; with `mayPrepareLater` they may also come after
 * the 150.
 */
export async function openData(
  context: CommandContext,
  preliminary: string,
  direction: 'send' | 'receive' = 'send',
  mayPrepareLater = false,
): Promise<DataConnection> {
  const { session, signal } = context;
  let channel = session.dataChannel;
  const later = channel === null;
  if (later && !mayPrepareLater) {
    throw new DomainError('data.no-connection', { detail: 'Send PASV, EPSV, PORT or EPRT first' });
  }
  try {
    if (later) context.say(reply(150, preliminary));
    channel ??= await session.laterChannel(session.engine.options.timeouts.dataConnect, signal);
    if (channel.proves && session.prot === 'C') {
      channel.end();
      throw new DomainError('data.no-connection', { detail: 'PROT has changed; send PASV or EPSV again' });
    }
    if (!channel.connected) await connected(channel, signal);
    if (!later) context.say(reply(150, preliminary));
    signal.throwIfAborted();
    const plain = channel.openNow() ?? (await taken(channel, signal));
    if (session.prot === 'C') return new DataConnection(plain);
    const strict = direction === 'receive' && session.engine.options.tlsUploadEnd === 'strict';
    const tap = strict ? new TlsRecordTap(plain.socket) : null;
    return new DataConnection(plain, await protectDataSocket(session, tap ?? plain.socket, signal), tap);
  } catch (error) {
    const failure = asTransferFailure(error);
    if (!signal.aborted) recordDataFailure(session, failure.reason);
    throw failure;
  } finally {
    if (session.dataChannel === channel) session.dataChannel = null;
  }
}

async function connected(channel: DataChannel, signal: AbortSignal): Promise<void> {
  try {
    await channel.ready(signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : connectFailure(channel, error);
  }
}

async function taken(channel: DataChannel, signal: AbortSignal): Promise<PlainConnection> {
  try {
    return await channel.open(signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : connectFailure(channel, error);
  }
}

function connectFailure({ mode, strangers, metOnlyForeign }: DataChannel, cause: unknown): TransferFailure {
  if (metOnlyForeign) return notResumed(cause);
  if (mode === 'active') {
    return new TransferFailure('data.no-connection', 'ACTIVE_REFUSED', {
      detail: 'Cannot connect to the port you gave; a firewall may be in the way: use passive mode',
      cause,
    });
  }
  const detail = cause instanceof DomainError ? cause.detail : undefined;
  if (strangers > 0) {
    return new TransferFailure('data.no-connection', 'STRANGER_ON_DATA_PORT', {
      detail: detail ?? 'The data connection came from another address than the control connection',
      cause,
    });
  }
  return new TransferFailure('data.no-connection', 'PASV_NEVER_CONNECTED', {
    detail: detail ?? 'No connection to the passive port; a firewall may be in the way',
    cause,
  });
}

/** How long the peer's FIN is awaited after ours. */
const LINGER_MS = 2000;

export interface CloseOptions {
  /** Sent before the FIN. */
  readonly last?: Uint8Array;
  /** What is still queued stops being waited for. */
  readonly signal?: AbortSignal;
  /** How long the client may leave what is queued unread. */
  readonly stallMs?: number;
}

/**
 * Our side is finished: send what is queued, then (TLS: close_notify and) FIN, and read on until the peer's FIN or a
 * deadline, so that the close never becomes a reset that takes the last bytes with it. Resolves when our FIN is on its
 * way; throws where the connection broke before.
 */
export function closeData(socket: Socket, options: CloseOptions = {}): Promise<void> {
  const { last, signal, stallMs } = options;
  return new Promise((resolve, reject) => {
    if (socket.destroyed) {
      reject(broken());
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      socket.destroy();
      reject(signal!.reason as Error);
    };
    const stop = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    socket.on('error', ignore);
    let finished = false;
    socket.once('close', () => {
      stop();
      // Every download ends here: an error that nobody reads would cost a stack trace each.
      if (!finished) reject(broken());
    });
    socket.once('finish', () => {
      finished = true;
      stop();
      timer = setTimeout(() => socket.destroy(), LINGER_MS);
      resolve();
    });
    if (stallMs !== undefined) {
      timer = setTimeout(() => {
        socket.destroy();
        reject(new TransferFailure('data.stalled', 'STALLED'));
      }, stallMs);
    }
    if (last === undefined) socket.end();
    else socket.end(last);
    socket.resume();
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function broken(): TransferFailure {
  return new TransferFailure('data.aborted', 'CONNECTION_RESET');
}

function ignore(): void {
  // 'close' follows every error and is what we act on.
}
