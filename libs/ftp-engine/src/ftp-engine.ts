import type { Socket } from 'node:net';
import type { SessionGrant } from '@quayside/domain';
import { passNewConnections } from '@quayside/native';
import { ERROR_CATALOG, newId, TransientMap } from '@quayside/domain';
import { COMMANDS } from './commands/index.js';
import { compileTable } from './control/command-table.js';
import { ControlChannel } from './control/control-channel.js';
import { DataServices } from './data/data-services.js';
import type { EngineContext } from './engine-context.js';
import {
  type CertificatePair,
  type ClientAuthorities,
  type EngineOptions,
  type ListenerAddress,
  type ListenerOptions,
  type ResolvedEngineOptions,
  resolveOptions,
} from './engine-options.js';
import { addressesOf, Admission, type ConnectionAddresses, inIpv4Form } from './frame/admission.js';
import { FtpSrvFrame } from './frame/ftp-srv-frame.js';
import { connectRegistry, installRegistry } from './frame/registry.js';
import type { EnginePorts } from './ports.js';
import { diagnoseSession } from './doctor/diagnose.js';
import { DOCTOR } from './doctor/doctor-table.js';
import { readProxyHeader } from './proxy/read-proxy-header.js';
import { trustedNetworks } from './proxy/trusted-networks.js';
import { SessionRegistry } from './session/session-registry.js';
import { Session, type SessionOrigin } from './session/session.js';
import { type SessionView, viewOf } from './session/session-view.js';
import { CertificateStore } from './tls/certificate-store.js';
import { Receipts } from './transfer/receipts.js';

/** Why a session is told to end, with what its client reads. */
export interface SessionEnd {
  readonly code?: number;
  readonly text: string;
  /** For the session's event, e.g. `kicked`, `suspended`. */
  readonly reason: string;
}

const DRAINING: SessionEnd = { text: 'The server is going down for maintenance; connect again.', reason: 'drain' };
/** When the sessions of an engine that takes no new ones are ended, ms from now. */
export interface RetirePlan {
  /** A client in the middle of its work is not told to go before; then each session ends with the command that runs. */
  readonly politeMs: number;
  /** What still runs then is cut off. */
  readonly deadlineMs: number;
}

/** In a drain, a session without a command for this long is between two pieces of work, and is ended. */
const QUIET_MS = 1000;
/** The same with a data connection made or asked for: its transfer comes, also from a client that is slow just now. */
const QUIET_BEFORE_TRANSFER_MS = 5000;
const QUIET_SWEEP_MS = 100;
/** How long handshakes that have begun on a shared port are given before it is closed. */
const LEAVE_MS = 400;
const STOPPING: SessionEnd = { text: 'The server is shutting down.', reason: 'stop' };
const TABLE = compileTable(COMMANDS);

/** The FTP server of one process: listeners, sessions, certificates. */
export class FtpEngine {
  readonly #options: ResolvedEngineOptions;
  readonly #sessions = new SessionRegistry();
  readonly #certificates: CertificateStore;
  readonly #admission: Admission;
  readonly #context: EngineContext;
  readonly #frames: FtpSrvFrame[];
  readonly #channels = new TransientMap<ControlChannel>();
  readonly #isProxy: (address: string) => boolean;
  /** Connections of proxies whose header is awaited. */
  readonly #unheaded = new Set<Socket>();
  #clock: NodeJS.Timeout | null = null;
  #draining = false;
  /** Instants of the plan while the engine is paused; null while it takes sessions. */
  #retiring: { readonly allFromMs: number; readonly cutFromMs: number } | null = null;
  #whenEmpty: (() => void)[] = [];

  /** Throws where the certificate cannot be used. */
  constructor(
    options: EngineOptions,
    readonly ports: EnginePorts,
  ) {
    this.#options = resolveOptions(options);
    this.#certificates = new CertificateStore(this.#options.certificate, this.#options.clientAuthorities);
    for (const listener of this.#options.listeners) {
      if ((listener.tls === 'required' || listener.tls === 'implicit') && !this.#certificates.available) {
        throw new Error(`Listener ${listener.name} needs TLS, but no certificate is configured`);
      }
    }
    this.#isProxy = trustedNetworks(this.#options.proxyTrusted);
    this.#admission = new Admission(this.#options);
    const certificates = this.#certificates;
    this.#context = {
      options: this.#options,
      ports,
      sessions: this.#sessions,
      replies: [0, 0, 0, 0, 0, 0],
      receipts: new Receipts(),
      data: new DataServices(this.#options, ports.log),
      get tlsAvailable() {
        return certificates.available;
      },
    };
    this.#frames = this.#options.listeners.map(
      (listener) =>
        new FtpSrvFrame(listener, ports.log, {
          onConnection: (socket) => this.#accept(socket, listener),
          onError: (error) => ports.log.error('a listener failed', { listener: listener.name, error: error.message }),
        }),
    );
  }

  /** Open all listeners, or none: the error of the first that fails. */
  async start(): Promise<void> {
    installRegistry(COMMANDS);
    await this.#context.data.start();
    try {
      for (const frame of this.#frames) await frame.listen();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** The listeners that are open, with the ports they got. */
  addresses(): ListenerAddress[] {
    return this.#frames.flatMap(({ listener, netServer }) => {
      const address = netServer.address();
      if (address === null || typeof address === 'string') return [];
      return [{ name: listener.name, host: address.address, port: address.port, tls: listener.tls }];
    });
  }

  sessions(): SessionView[] {
    return [...this.#sessions.all()].map((session) => viewOf(session));
  }

  /** Open control connections, and how many of them transfer. */
  counts(): { readonly sessions: number; readonly transfers: number } {
    let transfers = 0;
    for (const { activity } of this.#sessions.all()) if (activity !== null) transfers++;
    return { sessions: this.#sessions.size, transfers };
  }

  /** Replies sent since the start, by their first digit. */
  replies(): readonly number[] {
    return this.#context.replies;
  }

  /** Whether new connections are taken. */
  get accepting(): boolean {
    return !this.#draining && this.#retiring === null;
  }

  /**
   * Answer new connections 421 and let the open sessions come to their end as in a drain, until `resume`. The listeners
   * stay open: their answer tells clients and balancers to go elsewhere. Changes nothing where it is paused already.
   */
  pause({ politeMs, deadlineMs }: RetirePlan): void {
    const now = performance.now();
    this.#retiring ??= { allFromMs: now + politeMs, cutFromMs: now + deadlineMs };
    this.#retire(this.#retiring, now);
  }

  /** Take sessions again; those that have not been told to go stay. */
  resume(): void {
    if (this.#draining || this.#retiring === null) return;
    this.#retiring = null;
    for (const channel of this.#channels.values()) channel.stay();
  }

  /**
   * Take no new sessions, end those that rest, let the others finish what they do; resolves when no session is left, or
   * at the deadline. A client in the middle of its work is not told to go before half of the time is over: then each
   * session ends with the command that runs.
   */
  async drain(deadlineMs: number): Promise<void> {
    const startedAt = performance.now();
    await this.#leaveSharedPorts(Math.min(LEAVE_MS, deadlineMs / 4));
    this.#draining = true;
    for (const frame of this.#frames) frame.closeListener();
    const sweep = setInterval(() => this.#endResting(startedAt + deadlineMs / 2), QUIET_SWEEP_MS);
    this.#endResting(startedAt + deadlineMs / 2);
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, startedAt + deadlineMs - performance.now());
    });
    await Promise.race([this.#empty(), deadline]);
    clearTimeout(timer);
    clearInterval(sweep);
    await this.stop();
  }

  /**
   * Where other workers listen on the same ports, closing ours would reset the connections that the kernel has given us
   * and we have not seen. So it is told to give us no more, and those that have begun are served first.
   */
  async #leaveSharedPorts(ms: number): Promise<void> {
    const left = this.#options.listeners.map(({ fd }) => fd !== undefined && passNewConnections(fd));
    if (!left.includes(true)) return;
    await new Promise((resolve) => {
      setTimeout(resolve, ms);
    });
  }

  #retire({ allFromMs, cutFromMs }: { readonly allFromMs: number; readonly cutFromMs: number }, nowMs: number): void {
    if (nowMs < cutFromMs) this.#endResting(allFromMs);
    else for (const channel of this.#channels.values()) void this.#endChannel(channel, DRAINING);
  }

  #endResting(allFromMs: number): void {
    const now = performance.now();
    for (const channel of this.#channels.values()) {
      if (now >= allFromMs) channel.endWhenIdle(421, DRAINING.text, DRAINING.reason);
      else if (channel.quietMs(now) >= quietLimitMs(channel)) void this.#endChannel(channel, DRAINING);
    }
  }

  /** End everything now; resolves when no session is left. Idempotent. */
  async stop(): Promise<void> {
    this.#draining = true;
    for (const frame of this.#frames) frame.closeListener();
    for (const socket of this.#unheaded) socket.destroy();
    for (const channel of this.#channels.values()) void this.#endChannel(channel, STOPPING);
    await this.#empty();
    this.#stopClock();
    await this.#context.data.stop();
    for (const frame of this.#frames) frame.dispose();
  }

  /** Kick one session: its transfer is aborted (426), then 421. False where there is none; resolves when it is closed. */
  async endSession(id: string, end: SessionEnd): Promise<boolean> {
    const channel = this.#channels.get(id);
    if (channel === undefined) return false;
    await this.#endChannel(channel, end);
    return true;
  }

  /** Kick every session of an account; resolves to how many there were. */
  async endAccount(accountId: string, end: SessionEnd): Promise<number> {
    const sessions = this.#sessions.ofAccount(accountId);
    await Promise.all(sessions.map((session) => this.endSession(session.id, end)));
    return sessions.length;
  }

  /**
   * The rules of a session changed: it goes by the new ones at once. A running transfer that they do not allow is stopped;
   * rates, the file size cap and the quota hold it from its next bytes on.
   */
  replaceGrant(sessionId: string, grant: SessionGrant): void {
    const session = this.#sessions.get(sessionId);
    if (session === null || session.grant === null) return;
    session.grant = grant;
    session.fs?.replaceGrant(grant);
    const refusal = session.fs?.refusesLast() ?? null;
    if (refusal === null) return;
    const text = refusal.detail ?? ERROR_CATALOG[refusal.code].title;
    this.#channels.get(sessionId)?.abortTransfer(`Transfer aborted: ${text}`);
  }

  /** For new connections; open ones keep theirs. Throws and changes nothing where the pair cannot be used. */
  setCertificate(certificate: CertificatePair): void {
    this.#certificates.replace(certificate);
  }

  /** For new connections. Throws and changes nothing where they cannot be used. */
  setClientAuthorities(authorities: ClientAuthorities | null): void {
    this.#certificates.replaceAuthorities(authorities);
  }

  #accept(socket: Socket, listener: ListenerOptions): void {
    // A reset may arrive at any moment from here on, also before anybody else listens.
    socket.on('error', ignore);
    const addresses = addressesOf(socket);
    if (addresses === null) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    if (this.#isProxy(addresses.remoteAddress)) void this.#acceptProxied(socket, listener, addresses);
    else this.#admit(socket, originOf(addresses, listener, false));
  }

  /** From a trusted proxy: the header says who the client is. The proxy's own checks get a session as the proxy. */
  async #acceptProxied(socket: Socket, listener: ListenerOptions, own: ConnectionAddresses): Promise<void> {
    this.#unheaded.add(socket);
    const header = await readProxyHeader(socket);
    this.#unheaded.delete(socket);
    if (header === null) return;
    if (header.addresses === null) return this.#admit(socket, originOf(own, listener, false));
    this.#admit(socket, originOf(inIpv4Form(header.addresses), listener, true));
  }

  #admit(socket: Socket, origin: SessionOrigin): void {
    const { listener } = origin;
    const refused = !this.accepting ? DRAINING.text : this.#admission.admit(origin.remoteAddress);
    if (refused !== null) {
      // In clear only: a TLS client could not read it, and a handshake is what a flood wants.
      if (listener.tls !== 'implicit') socket.end(`421 ${refused}\r\n`);
      socket.destroySoon();
      return;
    }
    const session = new Session(newId(), this.#context, origin, Date.now());
    const frame = this.#frames.find((one) => one.listener === listener)!;
    const connection = frame.adopt(socket, session.id);
    const channel = new ControlChannel(socket, session, {
      table: TABLE,
      certificates: this.#certificates,
      onSecured: (secured) => {
        connection.commandSocket = secured;
        connection.secure = true;
      },
      onClosed: () => {
        connectRegistry(connection, null);
        frame.release(connection);
        this.#closed(session);
      },
    });
    connectRegistry(connection, channel);
    this.#sessions.add(session);
    this.#channels.set(session.id, channel);
    this.#clock ??= setInterval(() => this.#tick(), this.#tickMs()).unref();
    this.ports.journal.record(session.facts(), null, { type: 'session.opened' });
    channel.start();
  }

  #closed(session: Session): void {
    this.#sessions.remove(session);
    this.#channels.delete(session.id);
    this.#admission.leave(session.remoteAddress);
    const code = diagnoseSession(session.endReason ?? 'closed');
    this.ports.journal.record(session.facts(), session.grant, {
      type: 'session.closed',
      reason: session.endReason ?? 'closed',
      doctor: code === null ? null : { code, hint: DOCTOR[code].hint },
      durationMs: Math.round(performance.now() - session.openedMs),
      bytesUp: session.bytesUp,
      bytesDown: session.bytesDown,
    });
    if (this.#channels.size > 0) return;
    const waiting = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const resolve of waiting) resolve();
  }

  #endChannel(channel: ControlChannel, { code, text, reason }: SessionEnd): Promise<void> {
    channel.session.endReason ??= reason;
    return channel.end(code ?? 421, text);
  }

  #empty(): Promise<void> {
    if (this.#channels.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  #stopClock(): void {
    if (this.#clock !== null) clearInterval(this.#clock);
    this.#clock = null;
  }

  /** One clock for the deadlines of all sessions: a timer per session costs more memory than the session. */
  #tick(): void {
    // An installation at rest is not woken for nobody.
    if (this.#channels.size === 0) return this.#stopClock();
    const now = performance.now();
    for (const channel of this.#channels.values()) channel.tick(now);
    if (this.#retiring !== null) this.#retire(this.#retiring, now);
  }

  /** A quarter of the shortest deadline, within a second. */
  #tickMs(): number {
    const { login, idle, handshake, stall, unread, close } = this.#options.timeouts;
    return Math.max(20, Math.min(1000, Math.min(login, idle, handshake, stall, unread, close) / 4));
  }
}

function ignore(): void {}

/** Written out: V8 gives every copy by `{ ...addresses, listener }` a shape of its own, and what reads it never settles. */
function originOf(addresses: ConnectionAddresses, listener: ListenerOptions, proxied: boolean): SessionOrigin {
  return {
    remoteAddress: addresses.remoteAddress,
    remotePort: addresses.remotePort,
    localAddress: addresses.localAddress,
    localPort: addresses.localPort,
    proxied,
    listener,
  };
}

function quietLimitMs({ session }: ControlChannel): number {
  return session.dataChannel === null ? QUIET_MS : QUIET_BEFORE_TRANSFER_MS;
}
