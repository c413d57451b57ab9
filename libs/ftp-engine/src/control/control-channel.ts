import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { asDomainError, ROOT, toReply } from '@quayside/domain';
import { hasHungUp } from '@quayside/native';
import { encodeName } from '@quayside/storage';
import type { CommandDefinition } from '../commands/define-command.js';
import type { ControlLink, RunningCommand, Session } from '../session/session.js';
import { descriptorOf } from '../transfer/socket-descriptor.js';
import {
  acceptTls,
  type AcceptedTls,
  chooseCertificate,
  type ChosenCertificate,
  nameDecides,
} from '../tls/accept-tls.js';
import type { CertificateContexts } from '../tls/certificate-contexts.js';
import type { CertificateStore } from '../tls/certificate-store.js';
import { type AbortCause, CommandAborted } from './command-aborted.js';
import { parseCommand } from './command-parser.js';
import { CommandRun } from './command-run.js';
import type { CommandTable } from './command-table.js';
import { greeting } from './greeting.js';
import { recordDataFailure } from '../doctor/record-data-failure.js';
import { PROTECTION_REQUIRED, refusalOf } from './guards.js';
import { LineReader, OVERLONG } from './line-reader.js';
import { isForeignProtocol } from './pre-login.js';
import { type Reply, reply } from './reply.js';
import { SocketInput } from './socket-input.js';
import { SocketOutput } from './socket-output.js';
import { stayAwake } from './stay-awake.js';

const TOO_LONG = reply(500, 'Command line too long.');
const TOO_LONG_AGAIN = reply(500, 'Command line too long.', 'close');
const TOO_MANY_BEFORE_LOGIN = reply(421, 'Too many commands before login.', 'close');
const LOGIN_TIMEOUT = reply(421, 'Login timed out.', 'close');
const IDLE_TIMEOUT = reply(421, 'Control connection timed out.', 'close');
const DATA_TIMEOUT = reply(421, 'Data connection timed out.', 'close');
const CLIENT_GONE = reply(421, 'Control connection closed.', 'close');
const INJECTION = reply(503, 'Nothing may follow AUTH before the TLS handshake.', 'close');

/** RFC 959 §5.4 has 553 for verbs that make names. */
const NAMES_OF_OTHERS = { 'path.name-refused': 550 };
/** A database that is away costs no session that is logged in: what needs it can be tried again later. */
const INSIDE = { 'database.unavailable': 451 };

/** What must not wait where the queue is full: read already, and not yet a line of its own. */
const ABOR_LINE = /^[^A-Za-z\n]*ABOR *\r?$/im;

/** Reply bytes that are gathered before they are written in the middle of a batch. */
const FLUSH_AT = 64 * 1024;
/** A client that answers a reply with its next command within this time, in milliseconds, is near. */
const NEAR_MS = 0.4;
/** Longest wait for a command to stop after the session was told to end, in milliseconds. */
const STOP_DEADLINE = 10_000;

/** What the channel needs of its surroundings. */
export interface ControlChannelHost {
  readonly table: CommandTable;
  readonly certificates: CertificateStore;
  /** The socket was replaced by its TLS socket. */
  onSecured(socket: TLSSocket): void;
  /** The connection is closed and nothing runs any more. Called once. */
  onClosed(): void;
}

/**
 * Owns the socket of one control connection: reads lines, runs one command at a time in the order they came, writes
 * replies in that order, upgrades to TLS, and ends the session. Nothing else writes to the socket.
 *
 * The socket is read also while a command runs, so that ABOR, STAT and a lost connection are seen; what has to wait is
 * queued up to a bound, then reading stops. All complete lines of a chunk are run in one pass and their replies written
 * at once; a promise is only involved where a handler returns one.
 */
export class ControlChannel implements ControlLink {
  #socket: Socket;
  /** Under the TLS socket; null in clear. */
  #raw: Socket | null = null;
  #input: SocketInput;
  #output: SocketOutput;
  readonly #reader: LineReader;
  /** Lines that wait behind the running command. */
  #queue: (string | typeof OVERLONG)[] = [];
  #queuedBytes = 0;
  #running: CommandRun | null = null;
  #runningSinceMs = 0;
  /** Prepares the data connection that the running command waits for. */
  #beside: CommandRun | null = null;
  #pumping = false;
  #out = '';
  /** The client leaves its replies unread: nothing is run until it reads. Milliseconds since when; 0 for no. */
  #blockedAtMs = 0;
  #paused = false;
  #inputEnded = false;
  /** QUIT waits behind the running command: the client may well close its side without harm to the transfer. */
  #quitting = false;
  #secured: 'no' | 'handshake' | 'yes' = 'no';
  #handshakeAtMs = 0;
  /** The reply that ends the session, while the running command stops. */
  #ending: Reply | null = null;
  #endedAtMs = 0;
  /** What to end with once the running command is done. */
  #lastWords: { readonly last: Reply; readonly reason: string } | null = null;
  /** The last byte was written; only the close is awaited. */
  #finished = false;
  #closed = false;
  #settled = false;
  #commandsBeforeLogin = 0;
  #overlongLines = 0;
  #repliedAtMs = 0;
  /** The last command came so soon after a reply that it pays to wait awake for the next. */
  #near = false;
  /** Deadlines go by the clock that nobody sets (`performance.now()`), whatever the wall clock does meanwhile. */
  #lastActivityMs: number;
  readonly #whenClosed: Promise<void>;
  #resolveClosed!: () => void;

  constructor(
    socket: Socket,
    readonly session: Session,
    readonly host: ControlChannelHost,
  ) {
    this.#socket = socket;
    this.#input = SocketInput.of(socket);
    this.#output = new SocketOutput(socket, this.#onDrain);
    this.#reader = new LineReader(session.engine.options.limits.commandLineBytes, encodeName);
    this.#lastActivityMs = session.openedMs;
    this.#whenClosed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    session.control = this;
  }

  /** Take the socket: greet, or begin the handshake of an implicit listener. */
  start(): void {
    // What the handshake is read by takes the socket as it is, with what a PROXY header has left in it.
    if (this.session.listener.tls === 'implicit') return this.#startTls();
    this.#attach();
    this.#greet();
  }

  get alive(): boolean {
    if (this.#closed || this.#finished || this.#ending !== null) return false;
    return !this.#hasLeft();
  }

  /** The client has closed its side and has not asked for QUIT: RFC 959 §2.3 takes that for ABOR and QUIT. */
  #hasLeft(): boolean {
    return !this.#quitting && (this.#inputEnded || this.#endedUnread());
  }

  /** While reading rests, nobody is told of the connection's end. */
  #endedUnread(): boolean {
    const fd = this.#paused ? descriptorOf(this.#socket) : null;
    return fd !== null && hasHungUp(fd);
  }

  get tlsSocket(): TLSSocket | null {
    return this.#socket instanceof TLSSocket ? this.#socket : null;
  }

  get running(): RunningCommand | null {
    return this.#running === null ? null : { verb: this.#running.verb, startedAtMs: this.#runningSinceMs };
  }

  end(code: number, text: string): Promise<void> {
    this.#end(reply(code, text, 'close'));
    return this.#whenClosed;
  }

  /** Whether a transfer runs now. */
  get transferring(): boolean {
    return this.#running?.definition.flags?.data === true;
  }

  /** How long nothing has been asked and nothing runs; 0 while something does. */
  quietMs(nowMs: number): number {
    return this.#running === null ? nowMs - this.#lastActivityMs : 0;
  }

  /** Stop the running transfer (426); the session goes on. */
  abortTransfer(detail: string): void {
    if (this.transferring) this.#running?.abort('refused', detail);
  }

  /** Let the running command finish, then end (drain). */
  endWhenIdle(code: number, text: string, reason: string): void {
    if (this.#running === null) {
      this.session.endReason ??= reason;
      this.#end(reply(code, text, 'close'));
    } else this.#lastWords = { last: reply(code, text, 'close'), reason };
  }

  /** The drain was called off: a session that has not been told to go goes on. */
  stay(): void {
    this.#lastWords = null;
  }

  /** Run one command as if it had been read from the socket (ftp-srv's registry). */
  submit(line: string): void {
    if (this.#finished || this.#ending !== null) return;
    this.#enqueue(line);
    this.#pump();
  }

  /** Called by the engine's one clock; every deadline of the session is checked here. `nowMs` is of `performance.now()`. */
  tick(nowMs: number): void {
    const { timeouts } = this.session.engine.options;
    if (this.#closed) {
      // A handler that does not look at its signal keeps nobody waiting: what it still does has no session any more.
      if (nowMs - this.#endedAtMs >= STOP_DEADLINE) this.#settle();
      return;
    }
    if (this.#endedAtMs !== 0) {
      const limit = this.#running === null ? timeouts.close : STOP_DEADLINE;
      if (nowMs - this.#endedAtMs >= limit) this.#destroy();
      return;
    }
    // Whoever closed behind more commands than are read ahead is not seen by reading, nor is what begins after that.
    if (this.#running?.abortable === true && this.#hasLeft()) {
      this.session.endReason ??= 'connection-closed';
      this.#abort('control-lost');
      return this.#end(CLIENT_GONE);
    }
    if (this.#blockedAtMs !== 0 && nowMs - this.#blockedAtMs >= timeouts.unread) {
      this.session.endReason ??= 'replies-unread';
      this.#destroy();
    } else if (this.#secured === 'handshake' && nowMs - this.#handshakeAtMs >= timeouts.handshake) {
      this.session.endReason ??= 'tls-handshake-timeout';
      this.#destroy();
    } else if (this.session.grant === null && nowMs - this.session.openedMs >= timeouts.login) {
      this.session.endReason ??= 'login-timeout';
      if (this.#secured === 'handshake') this.#destroy();
      else this.#end(LOGIN_TIMEOUT);
    } else if (this.#running === null) this.#endWhereIdle(nowMs);
  }

  /** A data connection that is open and unused stands in for a command, up to the stall deadline. */
  #endWhereIdle(nowMs: number): void {
    const { timeouts } = this.session.engine.options;
    const channel = this.session.dataChannel;
    // A passive port that was asked for is closed to all others of the address until it is used or the session ends.
    if (channel?.mode === 'passive' && !channel.connected && nowMs - channel.madeAtMs >= timeouts.stall) {
      this.session.endReason ??= 'data-connection-unused';
      return this.#end(DATA_TIMEOUT);
    }
    const waitsForTransfer = channel?.connected === true;
    if (nowMs - this.#lastActivityMs < (waitsForTransfer ? timeouts.stall : timeouts.idle)) return;
    this.session.endReason ??= waitsForTransfer ? 'data-connection-unused' : 'idle';
    this.#end(waitsForTransfer ? DATA_TIMEOUT : IDLE_TIMEOUT);
  }

  #greet(): void {
    this.#send(greeting(this.session.engine.options.welcome));
    this.#flush();
  }

  // Listeners are methods bound once per socket; their removal at the TLS upgrade is by name.
  readonly #onData = (chunk: Buffer): void => {
    if (this.#finished || this.#ending !== null) return;
    this.#lastActivityMs = performance.now();
    this.#near = this.#lastActivityMs - this.#repliedAtMs < NEAR_MS;
    try {
      this.#reader.push(chunk);
      this.#pump();
    } finally {
      this.#reader.keep();
    }
  };

  readonly #onEnd = (): void => {
    this.#inputEnded = true;
    // RFC 959 §2.3: the unexpected close of the control connection stands for ABOR and QUIT.
    if (!this.#quitting) this.#abort('control-lost');
    this.#pump();
  };

  readonly #onDrain = (): void => {
    if (this.#blockedAtMs === 0) return;
    this.#blockedAtMs = 0;
    this.#pump();
  };

  readonly #onError = (error: Error): void => {
    this.session.engine.ports.log.debug('control connection failed', {
      sessionId: this.session.id,
      error: error.message,
    });
    this.session.endReason ??= this.#secured === 'handshake' ? 'tls-handshake-failed' : 'connection-reset';
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#endedAtMs === 0) this.#endedAtMs = performance.now();
    this.#inputEnded = true;
    this.#finished = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#reader.clear();
    this.#out = '';
    this.session.endReason ??= 'connection-closed';
    this.#abort('control-lost');
    if (this.#running === null) this.#settle();
  };

  #attach(): void {
    const socket = this.#socket;
    this.#input.listen(this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    this.#paused = false;
    socket.resume();
  }

  #detach(): void {
    const socket = this.#socket;
    this.#input.silence();
    this.#output.silence();
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
  }

  /** Run what can run now. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      this.#runLines();
    } finally {
      this.#pumping = false;
    }
    this.#flush();
    this.#regulateReading();
  }

  #runLines(): void {
    while (!this.#finished && this.#secured !== 'handshake') {
      if (this.#ending !== null) {
        if (this.#running === null) this.#finish(this.#ending);
        return;
      }
      if (this.#running !== null) {
        this.#readAhead();
        return;
      }
      if (this.#beside !== null) return;
      if (this.#blockedAtMs !== 0) return;
      const line = this.#nextLine();
      if (line === null) {
        if (this.#inputEnded) {
          this.session.endReason ??= 'connection-closed';
          this.#finish(null);
        }
        return;
      }
      this.#execute(line);
      if (this.#out.length >= FLUSH_AT) this.#flush();
    }
  }

  #nextLine(): string | typeof OVERLONG | null {
    if (this.#queue.length > 0) {
      const line = this.#queue.shift()!;
      this.#queuedBytes -= lengthOf(line);
      return line;
    }
    return this.#reader.next();
  }

  #enqueue(line: string | typeof OVERLONG): void {
    this.#queue.push(line);
    this.#queuedBytes += lengthOf(line);
  }

  /** While a command runs: look at what comes after it for what must not wait, and queue the rest. */
  #readAhead(): void {
    const run = this.#running!;
    while (!this.#queueIsFull() && this.#beside === null) {
      const line = this.#reader.next();
      if (line === null) return;
      if (typeof line === 'string') {
        const { directive, arg } = parseCommand(line);
        if (directive === 'ABOR' && arg === '' && run.abortable) run.abort('abor', 'Transfer aborted via ABOR.');
        else if (directive === 'QUIT') this.#quitting = true;
        const command = run.abortable && arg === '' ? this.host.table.get(directive) : undefined;
        if (command?.flags?.urgent === true) {
          this.#runUrgent(command, directive);
          continue;
        }
        if (this.session.awaitsChannel && this.#queue.length === 0) {
          const preparing = this.host.table.get(directive);
          if (preparing?.flags?.prepares === true) {
            this.#runBeside(preparing, directive, arg);
            continue;
          }
        }
      }
      this.#enqueue(line);
    }
    if (run.abortable && this.#queueIsFull() && this.#reader.holds(ABOR_LINE)) {
      run.abort('abor', 'Transfer aborted via ABOR.');
    }
  }

  #queueIsFull(): boolean {
    const { limits } = this.session.engine.options;
    return this.#queue.length >= limits.queuedCommands || this.#queuedBytes >= limits.queuedBytes;
  }

  /** STAT during a transfer: answered between its 150 and its end (RFC 959 §4.1.3). */
  #runUrgent(command: CommandDefinition, verb: string): void {
    const run = new CommandRun(command, this.session, verb, '', () => {});
    try {
      const result = command.handler(run);
      if (!(result instanceof Promise)) this.#send(result);
    } catch (thrown) {
      this.#send(this.#replyTo(thrown, command));
    }
  }

  /** PASV and the like after a STOU that waits for them: their reply comes between its 150 and its end. */
  #runBeside(command: CommandDefinition, verb: string, arg: string): void {
    const refusal = refusalOf(command, this.session, arg);
    if (refusal !== null) return this.#send(refusal);
    const run = new CommandRun(command, this.session, verb, arg, () => {});
    this.#beside = run;
    Promise.resolve()
      .then(() => command.handler(run))
      .then(
        (outcome) => this.#prepared(outcome),
        (thrown: unknown) => this.#prepared(this.#replyTo(abortReason(thrown, run), command)),
      );
  }

  #prepared(outcome: Reply): void {
    this.#beside = null;
    if (this.#closed) return this.session.dropDataChannel();
    this.#send(outcome);
    this.session.channelPrepared();
    this.#pump();
  }

  #execute(line: string | typeof OVERLONG): void {
    const { session } = this;
    if (session.grant === null && ++this.#commandsBeforeLogin > session.engine.options.limits.commandsBeforeLogin) {
      session.endReason ??= 'too-many-commands';
      return this.#finish(TOO_MANY_BEFORE_LOGIN);
    }
    if (typeof line !== 'string') {
      if (++this.#overlongLines === 1) return this.#send(TOO_LONG);
      session.endReason ??= 'overlong-lines';
      return this.#finish(TOO_LONG_AGAIN);
    }
    const { directive, arg } = parseCommand(line);
    // RFC 959 §4.1.3: RNTO follows RNFR immediately.
    if (directive !== 'RNTO') session.renameFrom = null;
    const command = this.host.table.get(directive);
    if (command === undefined) return this.#unknown(directive);
    const refusal = refusalOf(command, session, arg);
    if (refusal !== null) {
      if (refusal === PROTECTION_REQUIRED) recordDataFailure(session, 'PROT_MISSING');
      return this.#send(refusal);
    }
    const run = new CommandRun(command, session, directive, arg, this.#say);
    let result: Reply | Promise<Reply>;
    try {
      result = command.handler(run);
    } catch (thrown) {
      run.ended();
      return this.#conclude(this.#replyTo(thrown, command));
    }
    if (!(result instanceof Promise)) {
      run.ended();
      return this.#conclude(result);
    }
    this.#running = run;
    this.#runningSinceMs = Date.now();
    result.then(
      (outcome) => this.#completed(outcome),
      (thrown: unknown) => this.#completed(this.#replyTo(abortReason(thrown, run), command)),
    );
  }

  readonly #say = (preliminary: Reply): void => {
    this.#send(preliminary);
    this.#flush();
  };

  #unknown(directive: string): void {
    if (this.session.grant === null && isForeignProtocol(directive)) {
      this.session.endReason ??= 'foreign-protocol';
      return this.#finish(null);
    }
    // oxlint-disable-next-line no-control-regex -- what cannot be printed is not sent back
    const shown = directive.slice(0, 16).replaceAll(/[^\u0021-\u007e]/g, '?');
    this.#send(reply(500, `Command "${shown}" not understood.`));
  }

  /** A command that ran asynchronously has its reply. */
  #completed(outcome: Reply): void {
    this.#running?.ended();
    this.#running = null;
    this.#lastActivityMs = performance.now();
    if (this.#closed) return this.#settle();
    this.#conclude(outcome);
    if (this.#lastWords !== null && !this.#finished && this.#ending === null) {
      this.session.endReason ??= this.#lastWords.reason;
      this.#end(this.#lastWords.last);
    }
    this.#pump();
  }

  #conclude(outcome: Reply): void {
    if (outcome.after === null) return this.#send(outcome);
    if (outcome.after === 'close') return this.#finish(outcome);
    if (outcome.after === 'secure') return this.#upgrade(outcome);
    this.resetSession();
    this.#send(outcome);
  }

  /** Any throw of a handler as its reply. What is no DomainError is a bug: logged, and 451. */
  #replyTo(thrown: unknown, command: CommandDefinition): Reply {
    const error = asDomainError(thrown);
    if (error.code === 'internal') {
      this.session.engine.ports.log.error('a command failed unexpectedly', {
        sessionId: this.session.id,
        verb: command.directive,
        error: error.cause ?? error,
      });
    }
    const inside = this.session.grant === null ? {} : INSIDE;
    const { code, text } = toReply(error, { ...NAMES_OF_OTHERS, ...inside, ...command.replyCodes });
    if (code === 421) this.session.endReason ??= error.code;
    return reply(code, text, code === 421 ? 'close' : null);
  }

  #abort(cause: AbortCause): void {
    this.#beside?.abort(cause);
    this.#running?.abort(cause);
  }

  #send(outcome: Reply): void {
    this.session.engine.replies[Math.trunc(outcome.code / 100)]!++;
    this.#out += outcome.wire;
  }

  #flush(): void {
    const text = this.#out;
    if (text === '' || this.#closed) return;
    this.#out = '';
    this.#output.write(text);
    this.#repliedAtMs = performance.now();
    if (this.#near) stayAwake(this.#repliedAtMs);
    const { unreadReplyBytes } = this.session.engine.options.limits;
    if (this.#output.waitingBytes > unreadReplyBytes && this.#blockedAtMs === 0) this.#blockedAtMs = this.#repliedAtMs;
  }

  /** Stop reading while too much waits, and begin again. */
  #regulateReading(): void {
    if (this.#closed || this.#finished || this.#secured === 'handshake') return;
    const full = this.#blockedAtMs !== 0 || (this.#running !== null && this.#queueIsFull());
    if (full === this.#paused) return;
    this.#paused = full;
    if (full) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Back to the state after the greeting; TLS stays (REIN, AUTH). */
  resetSession(): void {
    const { session } = this;
    session.dropDataChannel();
    session.pendingLogin = null;
    session.grant = null;
    session.byCertificate = false;
    session.fs = null;
    session.type = 'A';
    session.cwd = ROOT;
    session.restartOffset = 0;
    session.range = null;
    session.allocated = null;
    session.renameFrom = null;
    session.epsvAll = false;
    session.mlstFacts = null;
  }

  #upgrade(accepted: Reply): void {
    if (this.#reader.bufferedBytes > 0 || this.#queue.length > 0) {
      this.session.endReason ??= 'plaintext-after-auth';
      return this.#finish(INJECTION);
    }
    this.resetSession();
    // Nothing may read the socket as commands once the client can have seen the 234, and nothing does: whoever reads the
    // handshake takes it over in this turn of the event loop.
    this.#send(accepted);
    this.#output.writeToStream(this.#out);
    this.#out = '';
    this.#startTls();
  }

  #startTls(): void {
    const raw = this.#socket;
    const own = this.host.certificates.own;
    this.#detach();
    // The TLS socket will report what happens to the raw one; its own error events must still have a listener.
    raw.on('error', this.#onError);
    raw.on('close', this.#onClose);
    if (own === null || raw.destroyed) return this.#destroy();
    this.#reader.clear();
    this.#secured = 'handshake';
    this.#handshakeAtMs = performance.now();
    if (nameDecides(this.session)) void this.#chooseAndHandshake(raw, own);
    else this.#handshake(raw, { contexts: own, named: null });
  }

  async #chooseAndHandshake(raw: Socket, own: CertificateContexts): Promise<void> {
    const chosen = await chooseCertificate(raw, this.#input, this.session, this.host.certificates, own);
    // What closed it has been or will be told by its events.
    if (chosen !== null && !this.#closed && !raw.destroyed) this.#handshake(raw, chosen);
  }

  #handshake(raw: Socket, chosen: ChosenCertificate): void {
    const { certificates } = this.host;
    raw.off('close', this.#onClose);
    const socket = acceptTls(raw, this.session, certificates, chosen, (accepted) => this.#onSecured(accepted));
    this.#socket = socket;
    this.#raw = raw;
    this.#input = SocketInput.of(socket);
    this.#output = new SocketOutput(socket, this.#onDrain);
    socket.on('_tlsError', this.#onError);
    this.#attach();
    this.host.onSecured(socket);
  }

  #onSecured({ tls, servername, tenant }: AcceptedTls): void {
    const { session } = this;
    if (this.#closed) return;
    this.#secured = 'yes';
    session.tls = tls;
    session.sni = servername;
    session.hostTenant = tenant?.slug ?? null;
    session.pbsz = tls.implicit;
    session.prot = tls.implicit || session.protectAfterAuth ? 'P' : 'C';
    if (tls.implicit) this.#greet();
    this.#pump();
  }

  #end(last: Reply): void {
    if (this.#ending !== null || this.#finished) return;
    this.#ending = last;
    this.#endedAtMs = performance.now();
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#reader.clear();
    if (this.#secured === 'handshake') return this.#destroy();
    this.#abort('session-ended');
    this.#pump();
  }

  /** Write the last reply and close; what the client still sends is read and dropped, so that its close is clean. */
  #finish(last: Reply | null): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#endedAtMs = performance.now();
    if (last !== null) this.#send(last);
    this.session.endReason ??= 'closed';
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#flush();
    this.#reader.clear();
    this.session.dropDataChannel();
    if (this.#socket.destroyed) return;
    this.#output.end(this.#inputEnded);
    if (this.#paused) this.#socket.resume();
  }

  #destroy(): void {
    this.#finished = true;
    this.session.endReason ??= 'closed';
    this.#socket.destroy();
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.session.dropDataChannel();
    this.host.onClosed();
    this.#resolveClosed();
    this.#letGo();
  }

  /**
   * Node's object under a TLS socket lives until a full collection of garbage, and with it, through the listeners of the
   * sockets, would everything that the session was.
   */
  #letGo(): void {
    if (this.#raw === null) return;
    this.#input.silence();
    for (const socket of [this.#socket, this.#raw]) {
      socket.removeAllListeners();
      // One may still report how it was closed.
      socket.on('error', ignore);
    }
  }
}

function ignore(): void {}

function lengthOf(line: string | typeof OVERLONG): number {
  return typeof line === 'string' ? line.length : 0;
}

/** An abort surfaces as whatever the handler's innermost call throws for it; the client is told the abort. */
function abortReason(thrown: unknown, run: CommandRun): unknown {
  if (run.aborted === null || thrown instanceof CommandAborted) return thrown;
  return thrown instanceof Error && thrown.name === 'AbortError' ? run.aborted : thrown;
}
