import { getEventListeners } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { DomainError, ROOT, type SessionGrant, type VirtualPath } from '@quayside/domain';
import type { DataChannel } from '../data/data-channel.js';
import type { EngineContext } from '../engine-context.js';
import type { ListenerOptions } from '../engine-options.js';
import type { AccountFileSystem } from '../filesystem/account-file-system.js';
import type { SessionFacts } from '../ports.js';
import type { SessionTls } from '../tls/session-tls.js';

/** The control connection as the rest of the engine may see it. */
export interface ControlLink {
  /** False from the moment that the peer's FIN or RST was seen, or the session was told to end. */
  readonly alive: boolean;
  /** The TLS socket; null in clear. */
  readonly tlsSocket: TLSSocket | null;
  /** The command that has not been answered yet; null between commands. */
  readonly running: RunningCommand | null;
  /** Stop what runs (426), say `code text`, close. Resolves when the connection is closed. */
  end(code: number, text: string): Promise<void>;
}

export interface RunningCommand {
  readonly verb: string;
  readonly startedAtMs: number;
}

/** Where a connection comes from, as admission saw it (or as a PROXY header said). */
export interface SessionOrigin {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** The addresses are those of a PROXY header; the local ones are not this machine's. */
  readonly proxied: boolean;
  readonly listener: ListenerOptions;
}

/** Node keeps a note of every signal that AbortSignal.any has made of another for as long as that other lives. */
const CONTROLLER_USES = 64;

/** State of one control connection from accept to close. Only the control channel and the verbs change it. */
export class Session {
  readonly openedAtMs: number;
  /** The same moment by `performance.now()`: for durations. */
  readonly openedMs = performance.now();
  /** Set once, when the control channel takes the socket. */
  control!: ControlLink;
  /** Null in clear. */
  tls: SessionTls | null = null;
  prot: 'C' | 'P' = 'C';
  /** PBSZ was sent since the last AUTH. */
  pbsz = false;
  /** AUTH SSL was used: old clients then take PROT P for granted. */
  protectAfterAuth = false;
  /** Tenant slug of HOST or SNI; HOST wins. */
  hostTenant: string | null = null;
  /** Server name of the TLS handshake; null where the client sent none. */
  sni: string | null = null;

  /** Of USER, while PASS is awaited. */
  pendingLogin: string | null = null;
  loginFailures = 0;
  grant: SessionGrant | null = null;
  /** The client's certificate was enough: a PASS that follows all the same is superfluous. */
  byCertificate = false;
  fs: AccountFileSystem | null = null;

  type: 'A' | 'I' = 'A';
  cwd: VirtualPath = ROOT;
  restartOffset = 0;
  /** Of RANG: bytes of the next HASH, the last one included; null for the whole file. */
  range: { readonly first: number; readonly last: number } | null = null;
  /** ALLO's count; null where none was sent. */
  allocated: number | null = null;
  renameFrom: VirtualPath | null = null;
  epsvAll = false;
  utf8 = true;
  clientName: string | null = null;
  /** Algorithm of HASH. */
  hashAlgorithm = 'SHA-256';
  /** Facts chosen by OPTS MLST; null for the default set. */
  mlstFacts: readonly string[] | null = null;
  dataChannel: DataChannel | null = null;
  #onChannel: ((channel: DataChannel) => void) | null = null;
  /** Of a command that ended without being stopped. */
  #controller: AbortController | null = null;
  /** Commands that had it. */
  #controllerUses = 0;

  bytesUp = 0;
  bytesDown = 0;
  transfers = 0;
  /** What runs now, for the session list; null between transfers. */
  activity: SessionActivity | null = null;
  /** Why the session ended, for its event: `quit`, `idle`, `login-timeout`, `kicked`, … */
  endReason: string | null = null;

  constructor(
    readonly id: string,
    readonly engine: EngineContext,
    readonly origin: SessionOrigin,
    nowMs: number,
  ) {
    this.openedAtMs = nowMs;
  }

  get remoteAddress(): string {
    return this.origin.remoteAddress;
  }

  get listener(): ListenerOptions {
    return this.origin.listener;
  }

  /** The session part of every journal fact. */
  facts(): SessionFacts {
    return {
      sessionId: this.id,
      remoteAddress: this.origin.remoteAddress,
      protocol: this.tls === null ? 'ftp' : 'ftps',
      clientName: this.clientName,
    };
  }

  /** The restart position for the transfer command that asks, which uses it up. */
  takeRestart(): number {
    if (this.range !== null) {
      this.range = null;
      // The client expects a part, and would take the whole file for it.
      throw new DomainError('request.invalid', { detail: 'RANG is for HASH; send REST to transfer a part' });
    }
    const offset = this.restartOffset;
    this.restartOffset = 0;
    return offset;
  }

  /** ALLO's count for the transfer command that asks, which uses it up. */
  takeAllocated(): number | null {
    const bytes = this.allocated;
    this.allocated = null;
    return bytes;
  }

  /** A running command waits for PASV, EPSV, PORT or EPRT. */
  get awaitsChannel(): boolean {
    return this.#onChannel !== null;
  }

  /** The data channel that a later command prepares. Throws `data.no-connection` after `limitMs`, and the signal's reason. */
  async laterChannel(limitMs: number, signal: AbortSignal): Promise<DataChannel> {
    const limit = AbortSignal.timeout(limitMs);
    try {
      return await new Promise<DataChannel>((resolve, reject) => {
        this.#onChannel = resolve;
        const stop = AbortSignal.any([limit, signal]);
        stop.addEventListener('abort', () => reject(stop.reason as Error), { once: true });
        if (stop.aborted) reject(stop.reason as Error);
      });
    } catch (error) {
      throw signal.aborted ? signal.reason : new DomainError('data.no-connection', { cause: error });
    } finally {
      this.#onChannel = null;
    }
  }

  /** Tell the command that waits for it of the data channel, once the client was told. */
  channelPrepared(): void {
    if (this.dataChannel !== null) this.#onChannel?.(this.dataChannel);
  }

  /** For one command at a time: making one costs as much as a short command does otherwise. */
  takeController(): AbortController {
    const kept = this.#controller;
    this.#controller = null;
    if (kept === null) this.#controllerUses = 0;
    return kept ?? new AbortController();
  }

  /** Not one that somebody still listens to: what is left of a command must not hear of the next one's end. */
  keepController(controller: AbortController): void {
    if (++this.#controllerUses >= CONTROLLER_USES) return;
    if (getEventListeners(controller.signal, 'abort').length === 0) this.#controller = controller;
  }

  /** Close the data connection and forget it. */
  dropDataChannel(): void {
    const channel = this.dataChannel;
    this.dataChannel = null;
    channel?.end();
  }
}

/** A running transfer as the session list shows it. */
export interface SessionActivity {
  readonly verb: string;
  readonly path: VirtualPath;
  readonly transferId: string;
  readonly startedAtMs: number;
  bytes: number;
}
