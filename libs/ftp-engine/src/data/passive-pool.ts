import { randomInt } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { DomainError, TransientMap } from '@quayside/domain';
import { readProxyHeader } from '../proxy/read-proxy-header.js';
import { type ClientHello, readClientHello } from '../tls/client-hello.js';
import { canonicalAddress } from './address.js';
import { acceptBare, PlainConnection } from './plain-connection.js';

export interface PassivePoolOptions {
  /** Address to listen on, e.g. `0.0.0.0` or `::`. */
  readonly host: string;
  /** This worker's part of the passive range. A 0 takes any free port (tests). */
  readonly ports: readonly number[];
  /** How long PASV waits for a slot before 425, at most. */
  readonly waitMs: number;
  /** It gives up sooner when nobody of its address got a slot for this long: then nothing moves. */
  readonly standstillMs: number;
  /**
   * How long a port whose client did not come stays closed to that address before another session may have it: a
   * connection that is still under way must be met as a stranger, never as the next session's.
   */
  readonly closedMs: number;
  /** The same where no other port is left. */
  readonly leastClosedMs: number;
  /** Whether connections from an address begin with a PROXY header that says whose they are. */
  readonly isProxy?: (address: string) => boolean;
  /** A socket was dropped: it matched no reservation, or did not prove to be the owner's. With who waits at the port. */
  readonly onStranger?: (remoteAddress: string, port: number, waiting: readonly PortOwner[]) => void;
}

/** Whose connection is awaited at a port. */
export interface PortOwner {
  /** Of the session. */
  readonly id?: string;
}

/** Most sessions of one client address that may wait for a slot at once; more are refused at once. */
const MAX_WAITING_PER_ADDRESS = 1000;
/** A port that could not be bound is left alone for this long. */
const REBIND_AFTER_MS = 10_000;
/** In how many steps a standstill is told. */
const STANDSTILL_SLICES = 5;

/** Sockets of one address that one claim looks at for the owner's, at most; one more takes the place of any of them. */
const MAX_CANDIDATES = 128;
/** Once the transfer waits for it, the owner says who it is within this time; who stays silent is somebody else. */
const SILENT_MS = 5000;
/** Once somebody who is not the owner has come, the owner is awaited this long: most likely it came without a ticket. */
const AFTER_FOREIGN_MS = 2000;
/** Where nobody has to prove anything. */
const NOBODY = new Map<Socket, NodeJS.Timeout | null>();

/** Whether a connection that begins with this ClientHello is the owner's. */
export type OwnershipTest = (hello: ClientHello) => boolean;

/**
 * One session's claim on the next connection from its client's address to one port. It ends when that connection comes
 * (the port is then free for others of the same address) or when it is released, and never before: what is under way
 * for one session must not meet another's claim.
 *
 * With an ownership test the address is not enough: connections are looked at until one proves to be the owner's, and
 * the others are dropped as strangers.
 */
export class PassiveReservation {
  readonly port: number;
  readonly clientAddress: string;
  /** Whose claim it is. */
  readonly owner: PortOwner;
  /** Sockets that were dropped at this port meanwhile: from other addresses, or not the owner's. */
  strangers = 0;
  /** Connections from the right address that were not the owner's. */
  #foreign = 0;
  readonly #test: OwnershipTest | null;
  /** Who may be the owner, each with its deadline once there is one. */
  readonly #candidates: Map<Socket, NodeJS.Timeout | null>;
  /** The 150 is out: the owner's ClientHello may be expected. */
  #expectsHello = false;
  #connection: PlainConnection | null = null;
  #ended: 'connected' | 'released' | null = null;
  #waiting: Set<() => void> | null = null;
  readonly #leave: (reservation: PassiveReservation) => void;
  readonly #onForeign: (reservation: PassiveReservation) => void;

  constructor(
    port: number,
    clientAddress: string,
    owner: PortOwner,
    leave: (reservation: PassiveReservation) => void,
    onForeign: (reservation: PassiveReservation) => void,
    test: OwnershipTest | null,
  ) {
    this.port = port;
    this.clientAddress = clientAddress;
    this.owner = owner;
    this.#leave = leave;
    this.#onForeign = onForeign;
    this.#test = test;
    this.#candidates = test === null ? NOBODY : new Map();
  }

  /** Whether the client has connected and no transfer has taken the socket yet. */
  get connected(): boolean {
    if (this.#connection !== null) return !this.#connection.destroyed;
    return this.#candidates.size > 0;
  }

  /** Whether it waits for a connection that proves whose it is. */
  get proves(): boolean {
    return this.#test !== null;
  }

  /** Somebody came who is not the owner, and nobody else since. */
  get metOnlyForeign(): boolean {
    return this.#foreign > 0 && this.#candidates.size === 0 && this.#connection === null;
  }

  get ended(): boolean {
    return this.#ended !== null;
  }

  /** The awaited connection came; nothing of its client can still be under way to the port. */
  get wasMet(): boolean {
    return this.#ended === 'connected';
  }

  /**
   * Resolves when a connection is there that is or may be the owner's: a client may send nothing on it before the 150.
   * Throws `data.no-connection` after `timeoutMs` or when the reservation is gone.
   */
  async arrive(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (this.#ended === null && this.#candidates.size === 0) {
      if (!(await this.#change(this.#limit(until), signal))) break;
    }
    if (this.#connection === null && this.#candidates.size === 0) this.#fail();
  }

  /** The client's connection, unread; after the 150. Throws `data.no-connection` like {@link arrive}. */
  async take(timeoutMs: number, signal: AbortSignal): Promise<PlainConnection> {
    this.#expectsHello = true;
    for (const candidate of this.#candidates.keys()) this.#hurry(candidate);
    const until = performance.now() + timeoutMs;
    while (this.#ended === null) if (!(await this.#change(this.#limit(until), signal))) break;
    signal.throwIfAborted();
    return this.takeNow() ?? this.#fail();
  }

  /** What {@link take} resolves to, where it is there already. */
  takeNow(): PlainConnection | null {
    const connection = this.#connection;
    this.#connection = null;
    if (connection?.handle === null) connection.socket.removeListener('error', ignore);
    return connection;
  }

  /** Give the claim up and drop a connection that nobody took. */
  release(): void {
    this.#end('released');
    this.#connection?.destroy();
    this.#connection = null;
  }

  /** By the pool only: a connection from the owner's address. */
  accept(connection: PlainConnection): void {
    if (this.#test === null) {
      // Until a transfer takes a socket nobody else listens: a reset must not become an uncaught exception.
      if (connection.handle === null) connection.socket.on('error', ignore);
      this.#connection = connection;
      this.#end('connected');
    } else {
      const { socket } = connection;
      socket.on('error', ignore);
      // Neither who comes first nor who comes last can keep the owner out for sure.
      if (this.#candidates.size >= MAX_CANDIDATES) [...this.#candidates.keys()][randomInt(MAX_CANDIDATES)]!.destroy();
      void this.#examine(socket, this.#test);
    }
  }

  async #examine(socket: Socket, isOwn: OwnershipTest): Promise<void> {
    this.#candidates.set(socket, null);
    if (this.#expectsHello) this.#hurry(socket);
    this.#changed();
    const hello = await readClientHello(socket);
    clearTimeout(this.#candidates.get(socket) ?? undefined);
    if (!this.#candidates.delete(socket)) return;
    if (hello !== null && isOwn(hello)) {
      this.#connection = new PlainConnection(socket);
      this.#end('connected');
      return;
    }
    socket.destroy();
    this.strangers++;
    this.#foreign++;
    this.#onForeign(this);
    this.#changed();
  }

  #hurry(candidate: Socket): void {
    this.#candidates.set(
      candidate,
      setTimeout(() => candidate.destroy(), SILENT_MS),
    );
  }

  #fail(): never {
    this.release();
    throw new DomainError('data.no-connection');
  }

  #end(how: 'connected' | 'released'): void {
    if (this.#ended !== null) return;
    this.#ended = how;
    for (const [candidate, deadline] of this.#candidates) {
      clearTimeout(deadline ?? undefined);
      candidate.destroy();
    }
    this.#candidates.clear();
    this.#leave(this);
    this.#changed();
  }

  #changed(): void {
    if (this.#waiting !== null) for (const wake of this.#waiting) wake();
  }

  #limit(until: number): number {
    const leftMs = until - performance.now();
    return this.metOnlyForeign ? Math.min(leftMs, AFTER_FOREIGN_MS) : leftMs;
  }

  /** Resolves at the next change; false when the time is up. Aborted, it gives the claim up and throws the reason. */
  #change(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting!.delete(wake);
        signal.removeEventListener('abort', onAbort);
      };
      const wake = (): void => {
        settle();
        resolve(true);
      };
      const onAbort = (): void => {
        settle();
        this.release();
        reject(signal.reason as Error);
      };
      const timer = setTimeout(
        () => {
          settle();
          resolve(false);
        },
        Math.max(0, timeoutMs),
      );
      (this.#waiting ??= new Set()).add(wake);
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
  readonly expected: TransientMap<PassiveReservation>;
  /** Whose client may still be on its way here, by its address: closed to all other sessions of that address. */
  readonly closed: Map<string, Closed>;
}

interface Closed {
  readonly owner: PortOwner;
  /** Others may have the port if there is no better one. */
  yields: boolean;
  timer: NodeJS.Timeout;
}

/** Those of one client address who wait for a slot, in the order in which they came. */
interface Line {
  readonly waiters: Waiter[];
  /** How often one of the address has got a slot. */
  moves: number;
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
  readonly #waiting = new Map<string, Line>();
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
      expected: new TransientMap(),
      closed: new Map(),
    }));
  }

  /** Sockets dropped because nobody expected them. */
  get strangers(): number {
    return this.#strangers;
  }

  /**
   * Reserve a port for the next connection from `clientAddress` (canonical text). Waits in line while every port is
   * already reserved for that address; `data.no-connection` after `waitMs`, and as soon as nothing moves. `owner` is whoever's connection it will be:
   * ports that are closed to others for its sake are open to it. `test` where connections must prove whose they are.
   */
  async reserve(
    clientAddress: string,
    signal: AbortSignal,
    owner: PortOwner = {},
    test: OwnershipTest | null = null,
  ): Promise<PassiveReservation> {
    const sinceMs = performance.now();
    const ticket = this.#nextTicket++;
    let mayPass = !this.#waiting.has(clientAddress);
    while (!this.#closed) {
      if (signal.aborted) {
        // The slot this one was woken for goes to the next in line.
        this.#wakeNext(clientAddress);
        signal.throwIfAborted();
      }
      if (mayPass) {
        const reservation = await this.#tryReserve(clientAddress, owner, test);
        if (reservation !== null) return reservation;
      }
      if (!this.#hasPorts() || !(await this.#wait(clientAddress, ticket, sinceMs, signal))) break;
      mayPass = true;
    }
    throw new DomainError('data.no-connection', { detail: 'No passive port is free; try again' });
  }

  /** What {@link reserve} resolves to where nothing has to be waited for; null where something may have to be. */
  reserveNow(clientAddress: string, owner: PortOwner, test: OwnershipTest | null): PassiveReservation | null {
    const count = this.#listeners.length;
    if (count === 0 || this.#closed || this.#waiting.has(clientAddress)) return null;
    const first = randomInt(count);
    for (let step = 0; step < count; step++) {
      const listener = this.#listeners[(first + step) % count]!;
      if (listener.expected.has(clientAddress) || listener.closed.has(clientAddress)) continue;
      // Whether it can be opened has to be waited for; to pass it over would leave the next port easier to guess.
      if (listener.server === null) return null;
      return this.#claim(listener, clientAddress, owner, test);
    }
    return null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { expected } of this.#listeners) for (const reservation of expected.values()) reservation.release();
    for (const { waiters } of this.#waiting.values()) while (waiters.length > 0) waiters[0]!.wake();
    for (const listener of this.#listeners) {
      await listener.opening;
      // Connections that transfers have taken are theirs to end; the port is free at once.
      listener.server?.close();
      listener.server = null;
      for (const address of listener.closed.keys()) this.#reopen(listener, address);
    }
  }

  /** RFC 2577 §8: a random port, so that the next one cannot be guessed. */
  async #tryReserve(
    clientAddress: string,
    owner: PortOwner,
    test: OwnershipTest | null,
  ): Promise<PassiveReservation | null> {
    const free = (listener: Listener): boolean => !listener.closed.has(clientAddress);
    const own = (listener: Listener): boolean => listener.closed.get(clientAddress)?.owner === owner;
    const yielding = (listener: Listener): boolean => listener.closed.get(clientAddress)?.yields === true;
    const claim = (isOpen: (listener: Listener) => boolean): Promise<PassiveReservation | null> =>
      this.#claimAny(clientAddress, isOpen, (listener) => this.#claim(listener, clientAddress, owner, test));
    return (await claim(free)) ?? (await claim(own)) ?? (await claim(yielding));
  }

  async #claimAny(
    clientAddress: string,
    isOpen: (listener: Listener) => boolean,
    claim: (listener: Listener) => PassiveReservation,
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
      return claim(listener);
    }
    return null;
  }

  #claim(listener: Listener, clientAddress: string, owner: PortOwner, test: OwnershipTest | null): PassiveReservation {
    const leave = (ended: PassiveReservation): void => this.#leave(listener, ended);
    const onForeign = (): void => this.#options.onStranger?.(clientAddress, listener.port, [owner]);
    const reservation = new PassiveReservation(listener.port, clientAddress, owner, leave, onForeign, test);
    const line = this.#waiting.get(clientAddress);
    if (line !== undefined) line.moves++;
    this.#reopen(listener, clientAddress);
    listener.expected.set(clientAddress, reservation);
    return reservation;
  }

  #leave(listener: Listener, reservation: PassiveReservation): void {
    const { clientAddress, owner } = reservation;
    if (listener.expected.get(clientAddress) === reservation) listener.expected.delete(clientAddress);
    if (reservation.wasMet || this.#closed) {
      setImmediate(() => this.#wakeNext(clientAddress));
      return;
    }
    const { leastClosedMs, closedMs } = this.#options;
    const timer = setTimeout(() => {
      closed.yields = true;
      closed.timer = setTimeout(() => listener.closed.delete(clientAddress), closedMs - leastClosedMs).unref();
      this.#wakeNext(clientAddress);
    }, leastClosedMs).unref();
    const closed: Closed = { owner, yields: false, timer };
    listener.closed.set(clientAddress, closed);
    // The owner itself may have it again at once.
    setImmediate(() => this.#wakeNext(clientAddress));
  }

  #reopen(listener: Listener, clientAddress: string): void {
    clearTimeout(listener.closed.get(clientAddress)?.timer);
    listener.closed.delete(clientAddress);
  }

  #wakeNext(clientAddress: string): void {
    this.#waiting.get(clientAddress)?.waiters[0]?.wake();
  }

  /** Whether any port is open, or may be tried. */
  #hasPorts(): boolean {
    return this.#listeners.some((listener) => listener.server !== null || !hasFailed(listener));
  }

  /** Stand in line, as one who came at `sinceMs`; false when the line is too long or the time is up. */
  #wait(clientAddress: string, ticket: number, sinceMs: number, signal: AbortSignal): Promise<boolean> {
    const { waitMs, standstillMs } = this.#options;
    const line: Line = this.#waiting.get(clientAddress) ?? { waiters: [], moves: 0 };
    this.#waiting.set(clientAddress, line);
    const { waiters } = line;
    if (waiters.length >= MAX_WAITING_PER_ADDRESS) return Promise.resolve(false);
    return new Promise((resolve) => {
      const done = (woken: boolean): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        const at = waiters.indexOf(waiter);
        if (at !== -1) waiters.splice(at, 1);
        if (waiters.length === 0 && this.#waiting.get(clientAddress) === line) this.#waiting.delete(clientAddress);
        resolve(woken);
      };
      const waiter: Waiter = { ticket, wake: () => done(true) };
      const onAbort = (): void => done(true);
      // In slices: an event loop that stood still must not take its own rest for that of the line.
      let seen = line.moves;
      let quietSlices = 0;
      const next = (): NodeJS.Timeout => {
        const leftMs = sinceMs + waitMs - performance.now();
        return setTimeout(onTime, Math.max(0, Math.min(standstillMs / STANDSTILL_SLICES, leftMs)));
      };
      const onTime = (): void => {
        quietSlices = line.moves === seen ? quietSlices + 1 : 0;
        seen = line.moves;
        if (quietSlices >= STANDSTILL_SLICES || performance.now() >= sinceMs + waitMs) done(false);
        else timer = next();
      };
      let timer = next();
      signal.addEventListener('abort', onAbort, { once: true });
      const behind = waiters.findIndex((other) => other.ticket > ticket);
      waiters.splice(behind === -1 ? waiters.length : behind, 0, waiter);
    });
  }

  async #open(listener: Listener): Promise<boolean> {
    if (hasFailed(listener)) return false;
    listener.opening ??= this.#listen(listener).finally(() => (listener.opening = null));
    return listener.opening;
  }

  async #listen(listener: Listener): Promise<boolean> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(listener, new PlainConnection(socket)),
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
    acceptBare(server, (connection) => this.#accept(listener, connection));
    const address = server.address();
    if (address !== null && typeof address === 'object') listener.port = address.port;
    if (this.#closed) {
      server.close();
      listener.server = null;
      return false;
    }
    return true;
  }

  #accept(listener: Listener, connection: PlainConnection): void {
    const remote = canonicalAddress(connection.remoteAddress ?? '');
    if (remote !== null && this.#options.isProxy?.(remote) === true) void this.#acceptProxied(listener, connection);
    else this.#match(listener, connection, remote);
  }

  /** A connection of the proxy's own is nobody's. */
  async #acceptProxied(listener: Listener, connection: PlainConnection): Promise<void> {
    const header = await readProxyHeader(connection.socket);
    if (header !== null) this.#match(listener, connection, canonicalAddress(header.addresses?.remoteAddress ?? ''));
  }

  #match(listener: Listener, connection: PlainConnection, remote: string | null): void {
    const reservation = remote === null ? undefined : listener.expected.get(remote);
    if (reservation !== undefined) {
      reservation.accept(connection);
      return;
    }
    if (connection.handle === null) connection.socket.on('error', ignore);
    connection.destroy();
    this.#strangers++;
    const waiting = [...listener.expected.values()];
    for (const expected of waiting) expected.strangers++;
    const owners = waiting.map(({ owner }) => owner);
    if (remote !== null) this.#options.onStranger?.(remote, listener.port, owners);
  }
}

/** It could not be bound a short while ago. */
function hasFailed({ failedAtMs }: Listener): boolean {
  return failedAtMs !== null && performance.now() - failedAtMs < REBIND_AFTER_MS;
}
