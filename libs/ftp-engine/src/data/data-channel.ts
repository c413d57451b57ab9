import type { Socket } from 'node:net';
import { connectToClient } from './active-connection.js';
import { canonicalAddress, type HostPort } from './address.js';
import type { PassiveReservation } from './passive-pool.js';

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
  /**
   * The plain socket, paused and half-open; its errors are the caller's from here on. Throws `data.no-connection` where
   * it does not come about in time, and the signal's reason.
   */
  open(signal: AbortSignal): Promise<Socket>;
  /** Drop it, whatever state it is in. Never throws. */
  end(): void;
}

/** The client connects to a port that was reserved for it. */
export class PassiveChannel implements DataChannel {
  readonly mode = 'passive';

  constructor(
    readonly reservation: PassiveReservation,
    readonly connectTimeoutMs: number,
  ) {}

  get connected(): boolean {
    return this.reservation.connected;
  }

  get strangers(): number {
    return this.reservation.strangers;
  }

  open(signal: AbortSignal): Promise<Socket> {
    return this.reservation.take(this.connectTimeoutMs, signal);
  }

  end(): void {
    this.reservation.release();
  }
}

/** We connect to the port that the client named, when the transfer begins. */
export class ActiveChannel implements DataChannel {
  readonly mode = 'active';
  readonly connected = false;
  readonly strangers = 0;

  constructor(
    /** Has passed `refusalOfTarget`. */
    readonly target: HostPort,
    readonly localAddress: string,
    readonly connectTimeoutMs: number,
  ) {}

  open(signal: AbortSignal): Promise<Socket> {
    return connectToClient(this.target, {
      localAddress: canonicalAddress(this.localAddress),
      timeoutMs: this.connectTimeoutMs,
      signal,
    });
  }

  end(): void {
    // Nothing is held between PORT and the transfer.
  }
}
