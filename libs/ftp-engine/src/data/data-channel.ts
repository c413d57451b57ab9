import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '@quayside/domain';
import { connectToClient } from './active-connection.js';
import { canonicalAddress, type HostPort } from './address.js';
import type { PassiveReservation } from './passive-pool.js';
import { PlainConnection } from './plain-connection.js';

/**
 * The next data connection, as PASV, EPSV, PORT or EPRT prepared it; one transfer uses it up. A transfer that is refused
 * before its 150 leaves it as it is.
 */
export interface DataChannel {
  /** A peer is connected and no transfer uses it yet: ABOR then answers 225 (RFC 959 §5.4). */
  readonly connected: boolean;
  readonly mode: 'passive' | 'active';
  /** Sockets of strangers that were dropped at our port meanwhile. */
  readonly strangers: number;
  /** When it was prepared, ms since the epoch. */
  /** Of `performance.now()`. */
  readonly madeAtMs: number;
  /** The connection must prove by its TLS ticket that it is this session's; then it cannot be used in clear. */
  readonly proves: boolean;
  /** Connections came, and none was this session's. */
  readonly metOnlyForeign: boolean;
  /**
   * Resolves when the peer is connected, so that the 150 may go out. Throws `data.no-connection` where it does not come
   * about in time, and the signal's reason.
   */
  ready(signal: AbortSignal): Promise<void>;
  /** What {@link open} resolves to, where that is there already; null where it has to be waited for. */
  openNow(): PlainConnection | null;
  /**
   * After `ready`: the connection, paused and half-open; its errors are the caller's from here on. Throws like `ready`.
   */
  open(signal: AbortSignal): Promise<PlainConnection>;
  /** Drop it, whatever state it is in. Never throws. */
  end(): void;
}

/** The client connects to a port that was reserved for it. */
export class PassiveChannel implements DataChannel {
  readonly mode = 'passive';
  readonly madeAtMs = performance.now();

  constructor(
    readonly reservation: PassiveReservation,
    readonly connectTimeoutMs: number,
  ) {}

  get proves(): boolean {
    return this.reservation.proves;
  }

  get metOnlyForeign(): boolean {
    return this.reservation.metOnlyForeign;
  }

  get connected(): boolean {
    return this.reservation.connected;
  }

  get strangers(): number {
    return this.reservation.strangers;
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.reservation.arrive(this.connectTimeoutMs, signal);
  }

  openNow(): PlainConnection | null {
    return this.reservation.takeNow();
  }

  open(signal: AbortSignal): Promise<PlainConnection> {
    return this.reservation.take(this.connectTimeoutMs, signal);
  }

  end(): void {
    this.reservation.release();
  }
}

/**
 * We connect to the port that the client named. The connection is begun at once, since the client listens before it
 * sends PORT and the transfer need not wait then; where that fails before the transfer command comes, it is tried again.
 */
export class ActiveChannel implements DataChannel {
  readonly mode = 'active';
  readonly madeAtMs = performance.now();
  readonly proves = false;
  readonly metOnlyForeign = false;
  readonly strangers = 0;
  readonly #abandon = new AbortController();
  readonly #early: Promise<Socket | null>;
  #socket: Socket | null = null;
  #failedEarly = false;

  constructor(
    /** Has passed `refusalOfTarget`. */
    readonly target: HostPort,
    readonly localAddress: string,
    readonly connectTimeoutMs: number,
  ) {
    this.#early = this.#connect(this.#abandon.signal).then(
      (socket) => {
        // 'close' follows; who takes the socket listens for errors again.
        socket.on('error', () => {});
        this.#socket = socket;
        return socket;
      },
      () => {
        this.#failedEarly = true;
        return null;
      },
    );
  }

  get connected(): boolean {
    return this.#socket !== null && !this.#socket.destroyed;
  }

  /** Resolves when the connection stands, and after `limitMs` where it does not. */
  async firstTry(limitMs: number): Promise<void> {
    const limit = new AbortController();
    const waited = sleep(limitMs, null, { signal: limit.signal }).catch(() => null);
    const connected = this.#early.then((socket) => socket ?? waited);
    await Promise.race([connected, waited]);
    limit.abort();
  }

  async ready(signal: AbortSignal): Promise<void> {
    if (this.#failedEarly || this.#socket?.destroyed === true) {
      const socket = await this.#connect(signal);
      socket.on('error', () => {});
      this.#socket = socket;
      return;
    }
    const end = (): void => this.end();
    signal.addEventListener('abort', end, { once: true });
    try {
      const socket = await this.#early;
      signal.throwIfAborted();
      if (socket === null) throw new DomainError('data.no-connection');
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  openNow(): PlainConnection | null {
    const socket = this.#socket;
    this.#socket = null;
    return socket === null ? null : new PlainConnection(socket);
  }

  async open(signal: AbortSignal): Promise<PlainConnection> {
    signal.throwIfAborted();
    const connection = this.openNow();
    if (connection === null) throw new DomainError('data.no-connection');
    return connection;
  }

  end(): void {
    this.#abandon.abort(new DomainError('data.no-connection'));
    this.#socket?.destroy();
    this.#socket = null;
  }

  #connect(signal: AbortSignal): Promise<Socket> {
    return connectToClient(this.target, {
      localAddress: canonicalAddress(this.localAddress),
      timeoutMs: this.connectTimeoutMs,
      signal,
    });
  }
}
