import { randomInt } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { DomainError } from '@quayside/domain';
import { readProxyHeader } from '../proxy/read-proxy-header.js';
import { canonicalAddress } from './address.js';

export interface PassivePoolOptions {
  /** Address to listen on, e.g. `0.0.0.0` or `::`. */
  readonly host: string;
  /** This worker's part of the passive range. A 0 takes any free port (tests). */
  readonly ports: readonly number[];
  /** How long PASV waits for a slot before 425. */
  readonly waitMs: number;
  /** How long a reservation that nobody connected to and no transfer waits for is safe from those who wait. */
  readonly idleMs: number;
  /**
   * How long a port whose client did not come stays closed to that address before another session may have it: a
   * connection that is still under way must be met as a stranger, never as the next session's.
   */
  readonly closedMs: number;
  /** Whether connections from an address begin with a PROXY header that says whose they are. */
  readonly isProxy?: (address: string) => boolean;
  /** A socket that matched no reservation was dropped. */
  readonly onStranger?: (remoteAddress: string, port: number) => void;
}

/** Most sessions of one client address that may wait for a slot at once; more are refused at once. */
const MAX_WAITING_PER_ADDRESS = 1000;
/** A port that could not be bound is left alone for this long. */
const REBIND_AFTER_MS = 60_000;

/**
 * One session's claim on the next connection from its client's address to one port. It ends when that connection comes
 * (the port is then free for others of the same address), when it is released, or when it is taken over.
 */
export class PassiveReservation {
  readonly port: number;
  readonly clientAddress: string;
  /** Whose claim it is. */
  readonly owner: object;
  readonly madeAtMs = performance.now();
  /** Sockets from other addresses that were dropped at this port meanwhile. */
  strangers = 0;
  /** A transfer command waits for the connection, so nobody may take the reservation over. */
  #armed = false;
  #socket: Socket | null = null;
  #ended: 'connected' | 'released' | 'taken-over' | null = null;
  #onSettled: (() => void) | null = null;
  readonly #leave: (reservation: PassiveReservation) => void;

  constructor(port: number, clientAddress: string, owner: object, leave: (reservation: PassiveReservation) => void) {
    this.port = port;
    this.clientAddress = clientAddress;
    this.owner = owner;
    this.#leave = leave;
  }

  /** Whether the client has connected and no transfer has taken the socket yet. */
  get connected(): boolean {
    return this.#socket !== null && !this.#socket.destroyed;
  }

  get armed(): boolean {
    return this.#armed;
  }

  get ended(): boolean {
    return this.#ended !== null;
  }

  /** The awaited connection came; nothing of its client can still be under way to the port. */
  get wasMet(): boolean {
    return this.#ended === 'connected';
  }

  /** The client's socket, paused. Throws `data.no-connection` after `timeoutMs` or when the reservation is gone. */
  async take(timeoutMs: number, signal: AbortSignal): Promise<Socket> {
    if (this.#ended === null) await this.#connection(timeoutMs, signal);
    signal.throwIfAborted();
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) {
      throw new DomainError('data.no-connection', {
        detail: this.#ended === 'taken-over' ? 'The passive port was given up; send PASV or EPSV again' : undefined,
      });
    }
    socket.removeListener('error', ignore);
    return socket;
  }

  /** Give the claim up and drop a connection that nobody took. */
  release(): void {
    this.#end('released');
    this.#socket?.destroy();
    this.#socket = null;
  }

  /** By the pool only: others wait, and this claim is idle. */
  takeOver(): void {
    this.#end('taken-over');
  }

  /** By the pool only: the awaited connection. */
  accept(socket: Socket): void {
    // Until a transfer takes the socket nobody else listens: a reset must not become an uncaught exception.
    socket.on('error', ignore);
    this.#socket = socket;
    this.#end('connected');
  }

  #end(how: 'connected' | 'released' | 'taken-over'): void {
    if (this.#ended !== null) return;
    this.#ended = how;
    this.#leave(this);
    this.#onSettled?.();
  }

  #connection(timeoutMs: number, signal: AbortSignal): Promise<void> {
    this.#armed = true;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#onSettled = null;
        resolve();
      };
      const onAbort = (): void => {
        this.release();
        settle();
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => {
        this.release();
        settle();
      }, timeoutMs);
      this.#onSettled = settle;
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

function ignore(): void {
  // The owner learns of the error when it takes the socket: it is destroyed then.
}

interface Listener {
  readonly wantedPort: number;
  port: number;
  server: Server | null;
  opening: Promise<boolean> | null;
  failedAtMs: number | null;
  /** Who is expected here, by client address. */
  readonly expected: Map<string, PassiveReservation>;
  /** Whose client may still be on its way here, by its address: closed to all other sessions of that address. */
  readonly closed: Map<string, { readonly owner: object; readonly timer: NodeJS.Timeout }>;
}

interface Waiter {
  /** Place in line: a waiter that was woken for nothing keeps it. */
  readonly ticket: number;
  wake(): void;
}

/**
 * The passive ports of a worker: listeners that are opened once and held, each serving any number of sessions. A socket
 * belongs to the session that reserved (port, client address); what matches nobody is dropped without harm to anyone.
 */
export class PassivePool {
  readonly #options: PassivePoolOptions;
  readonly #listeners: Listener[];
  /** Reservations per client address, oldest first. */
  readonly #held = new Map<string, Set<PassiveReservation>>();
  readonly #waiting = new Map<string, Waiter[]>();
  #nextTicket = 0;
  #strangers = 0;
  #closed = false;

  constructor(options: PassivePoolOptions) {
    this.#options = options;
    this.#listeners = options.ports.map((port) => ({
      wantedPort: port,
      port,
      server: null,
      opening: null,
      failedAtMs: null,
      expected: new Map(),
      closed: new Map(),
    }));
  }

  /** Sockets dropped because nobody expected them. */
  get strangers(): number {
    return this.#strangers;
  }

  /**
   * Reserve a port for the next connection from `clientAddress` (canonical text). Waits in line while every port is
   * already reserved for that address; `data.no-connection` after `waitMs`. `owner` is whoever's connection it will be:
   * ports that are closed to others for its sake are open to it.
   */
  async reserve(clientAddress: string, signal: AbortSignal, owner: object = {}): Promise<PassiveReservation> {
    const deadline = performance.now() + this.#options.waitMs;
    const ticket = this.#nextTicket++;
    let mayPass = !this.#waiting.has(clientAddress);
    while (!this.#closed) {
      if (signal.aborted) {
        // The slot this one was woken for goes to the next in line.
        this.#wakeNext(clientAddress);
        signal.throwIfAborted();
      }
      if (mayPass) {
        const reservation = await this.#tryReserve(clientAddress, owner);
        if (reservation !== null) return reservation;
      }
      const remainingMs = deadline - performance.now();
      if (remainingMs <= 0 || !(await this.#wait(clientAddress, ticket, remainingMs, signal))) break;
      mayPass = true;
    }
    throw new DomainError('data.no-connection', { detail: 'No passive port is free; try again' });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const held of this.#held.values()) for (const reservation of held) reservation.release();
    for (const line of this.#waiting.values()) while (line.length > 0) line[0]!.wake();
    for (const listener of this.#listeners) {
      await listener.opening;
      // Connections that transfers have taken are theirs to end; the port is free at once.
      listener.server?.close();
      listener.server = null;
      for (const address of listener.closed.keys()) this.#reopen(listener, address);
    }
  }

  /** RFC 2577 §8: a random port, so that the next one cannot be guessed. */
  async #tryReserve(clientAddress: string, owner: object): Promise<PassiveReservation | null> {
    const free = (listener: Listener): boolean => !listener.closed.has(clientAddress);
    const own = (listener: Listener): boolean => listener.closed.get(clientAddress)?.owner === owner;
    return (await this.#claimAny(clientAddress, owner, free)) ?? (await this.#claimAny(clientAddress, owner, own));
  }

  async #claimAny(
    clientAddress: string,
    owner: object,
    isOpen: (listener: Listener) => boolean,
  ): Promise<PassiveReservation | null> {
    const count = this.#listeners.length;
    if (count === 0) return null;
    const isTaken = (listener: Listener): boolean => listener.expected.has(clientAddress) || !isOpen(listener);
    const first = randomInt(count);
    for (let step = 0; step < count; step++) {
      const listener = this.#listeners[(first + step) % count]!;
      if (isTaken(listener)) continue;
      if (listener.server === null && !(await this.#open(listener))) continue;
      // Opening took a turn: somebody of the same address may have come first.
      if (isTaken(listener) || this.#closed) continue;
      return this.#claim(listener, clientAddress, owner);
    }
    return null;
  }

  #claim(listener: Listener, clientAddress: string, owner: object): PassiveReservation {
    const reservation = new PassiveReservation(listener.port, clientAddress, owner, (ended) =>
      this.#leave(listener, ended),
    );
    this.#reopen(listener, clientAddress);
    listener.expected.set(clientAddress, reservation);
    let held = this.#held.get(clientAddress);
    if (held === undefined) this.#held.set(clientAddress, (held = new Set()));
    held.add(reservation);
    return reservation;
  }

  #leave(listener: Listener, reservation: PassiveReservation): void {
    const { clientAddress, owner } = reservation;
    if (listener.expected.get(clientAddress) === reservation) listener.expected.delete(clientAddress);
    const held = this.#held.get(clientAddress);
    held?.delete(reservation);
    if (held?.size === 0) this.#held.delete(clientAddress);
    if (reservation.wasMet || this.#closed) {
      setImmediate(() => this.#wakeNext(clientAddress));
      return;
    }
    const timer = setTimeout(() => {
      listener.closed.delete(clientAddress);
      this.#wakeNext(clientAddress);
    }, this.#options.closedMs);
    timer.unref();
    listener.closed.set(clientAddress, { owner, timer });
    // The owner itself may have it again at once.
    setImmediate(() => this.#wakeNext(clientAddress));
  }

  #reopen(listener: Listener, clientAddress: string): void {
    clearTimeout(listener.closed.get(clientAddress)?.timer);
    listener.closed.delete(clientAddress);
  }

  #wakeNext(clientAddress: string): void {
    this.#waiting.get(clientAddress)?.[0]?.wake();
  }

  /** Stand in line; false when the line is too long or the time is up. */
  #wait(clientAddress: string, ticket: number, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    let line = this.#waiting.get(clientAddress);
    if (line === undefined) this.#waiting.set(clientAddress, (line = []));
    if (line.length >= MAX_WAITING_PER_ADDRESS) return Promise.resolve(false);
    const waiters = line;
    return new Promise((resolve) => {
      const done = (woken: boolean): void => {
        clearTimeout(timer);
        clearInterval(sweep);
        signal.removeEventListener('abort', onAbort);
        const at = waiters.indexOf(waiter);
        if (at !== -1) waiters.splice(at, 1);
        if (waiters.length === 0 && this.#waiting.get(clientAddress) === waiters) this.#waiting.delete(clientAddress);
        resolve(woken);
      };
      const waiter: Waiter = { ticket, wake: () => done(true) };
      const onAbort = (): void => done(true);
      const timer = setTimeout(() => done(false), timeoutMs);
      const sweep = setInterval(() => this.#takeOverIdle(clientAddress), Math.max(10, this.#options.idleMs / 4));
      signal.addEventListener('abort', onAbort, { once: true });
      const behind = waiters.findIndex((other) => other.ticket > ticket);
      waiters.splice(behind === -1 ? waiters.length : behind, 0, waiter);
      this.#takeOverIdle(clientAddress);
    });
  }

  /**
   * End the oldest claim that nobody uses, so that a session that asked and went away does not hold a port; not more of
   * them than sessions wait. The port is then closed for a while before it is the next one's.
   */
  #takeOverIdle(clientAddress: string): void {
    const closing = this.#listeners.filter((listener) => listener.closed.has(clientAddress)).length;
    if (closing >= (this.#waiting.get(clientAddress)?.length ?? 0)) return;
    const before = performance.now() - this.#options.idleMs;
    for (const reservation of this.#held.get(clientAddress) ?? []) {
      if (reservation.armed || reservation.madeAtMs > before) continue;
      reservation.takeOver();
      return;
    }
  }

  async #open(listener: Listener): Promise<boolean> {
    if (listener.failedAtMs !== null && performance.now() - listener.failedAtMs < REBIND_AFTER_MS) return false;
    listener.opening ??= this.#listen(listener).finally(() => (listener.opening = null));
    return listener.opening;
  }

  async #listen(listener: Listener): Promise<boolean> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(listener, socket),
    );
    const listening = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen({ host: this.#options.host, port: listener.wantedPort, backlog: 511 }, () => resolve(true));
    });
    if (!listening) {
      listener.failedAtMs = performance.now();
      return false;
    }
    // Out of descriptors shows as 'error' on a listening server; the peer is gone then and others still are served.
    server.on('error', ignore);
    listener.failedAtMs = null;
    listener.server = server;
    const address = server.address();
    if (address !== null && typeof address === 'object') listener.port = address.port;
    if (this.#closed) {
      server.close();
      listener.server = null;
      return false;
    }
    return true;
  }

  #accept(listener: Listener, socket: Socket): void {
    const remote = canonicalAddress(socket.remoteAddress ?? '');
    if (remote !== null && this.#options.isProxy?.(remote) === true) void this.#acceptProxied(listener, socket);
    else this.#match(listener, socket, remote);
  }

  /** A connection of the proxy's own is nobody's. */
  async #acceptProxied(listener: Listener, socket: Socket): Promise<void> {
    const header = await readProxyHeader(socket);
    if (header !== null) this.#match(listener, socket, canonicalAddress(header.addresses?.remoteAddress ?? ''));
  }

  #match(listener: Listener, socket: Socket, remote: string | null): void {
    const reservation = remote === null ? undefined : listener.expected.get(remote);
    if (reservation !== undefined) {
      reservation.accept(socket);
      return;
    }
    socket.on('error', ignore);
    socket.destroy();
    this.#strangers++;
    for (const expected of listener.expected.values()) expected.strangers++;
    if (remote !== null) this.#options.onStranger?.(remote, listener.port);
  }
}
