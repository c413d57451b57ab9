import { fork, type ChildProcess } from 'node:child_process';
import { FatalError } from './fatal-error.js';
import { eachLine } from './line-splitter.js';
import { isChildMessage } from './messages.js';
import { Questions } from './questions.js';
import { stepBack } from './step-back.js';

/** A process that is to run for as long as its parent. */
export interface ChildSpec {
  /** Unique name, e.g. `api` or `ftp-worker-1`. */
  readonly role: string;
  /** JavaScript file to run. */
  readonly script: string;
  readonly args?: readonly string[];
  /** Options of Node.js itself, besides those that every child has. */
  readonly nodeOptions?: readonly string[];
  /** The whole environment of the child. */
  readonly env: NodeJS.ProcessEnv;
  /** Time from start to {type: 'ready'}. */
  readonly readyDeadlineMs: number;
  /** Time from SIGTERM to SIGKILL. */
  readonly stopDeadlineMs: number;
  /** Steps behind the parent where processors are short (nice); 0 without. */
  readonly niceness?: number;
}

/** Pauses between an unexpected exit and the next start. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
  /** A child that served this long starts again from `firstMs`. */
  readonly resetAfterMs: number;
}

/** What the owner of the supervisor is told. */
export interface SupervisorEvents {
  /** A line of a child's standard output or error. */
  onLine(role: string, line: string, stream: 'stdout' | 'stderr'): void;
  /** A child ended without being asked to; it is started again after the pause. */
  onCrash(crash: ChildCrash): void;
  /** A child serves; `restarts` is 0 the first time. */
  onReady(role: string, pid: number, restarts: number): void;
  /** A child cannot run as things are set up (after it had run once); everything should be stopped. */
  onFatal(role: string, message: string): void;
  /** What a child wants to know by {@link askParent}; a rejection is "no answer". */
  onQuestion?(role: string, what: string): Promise<unknown>;
  /** Anything else that a child sends. */
  onMessage?(role: string, message: unknown): void;
}

export interface ChildCrash {
  readonly role: string;
  readonly pid: number;
  /** How it ended: `exit code 1` or `signal SIGKILL`. */
  readonly how: string;
  readonly restartInMs: number;
}

export interface ChildState {
  readonly role: string;
  readonly pid: number | undefined;
  readonly state: 'starting' | 'ready' | 'waiting' | 'stopped';
  readonly restarts: number;
}

const DEFAULT_BACKOFF: Backoff = { firstMs: 100, maxMs: 10_000, resetAfterMs: 30_000 };

/**
 * Starts child processes, starts them again when they die, and stops them in the order in which it is told. Children
 * run in process groups of their own, so that Ctrl-C reaches only the parent and the order of the stop is the
 * parent's; when the parent dies they notice by the closed IPC channel ({@link stopOnRequest}).
 */
export class Supervisor {
  private readonly children = new Map<string, SupervisedChild>();

  constructor(
    private readonly events: SupervisorEvents,
    private readonly backoff: Backoff = DEFAULT_BACKOFF,
  ) {}

  /** Starts a child and resolves when it is ready. The first start is not repeated: its failure rejects. */
  async start(spec: ChildSpec): Promise<void> {
    if (this.children.has(spec.role)) throw new Error(`There is already a child ${spec.role}`);
    const child = new SupervisedChild(spec, this.events, this.backoff);
    this.children.set(spec.role, child);
    try {
      await child.start();
    } catch (error) {
      this.children.delete(spec.role);
      throw error;
    }
  }

  /** Stops these children at the same time: SIGTERM, then SIGKILL after each one's deadline. */
  async stop(roles: readonly string[] = [...this.children.keys()]): Promise<void> {
    await Promise.all(
      roles.map(async (role) => {
        await this.children.get(role)?.stop();
        this.children.delete(role);
      }),
    );
  }

  /** Asks a child that answers by {@link answerParent}; rejects where it is away or does not answer in time. */
  ask(role: string, what: string, deadlineMs: number): Promise<unknown> {
    const child = this.children.get(role);
    return child === undefined ? Promise.reject(new Error(`There is no child ${role}`)) : child.ask(what, deadlineMs);
  }

  states(): ChildState[] {
    return [...this.children.values()].map((child) => child.describe());
  }
}

class SupervisedChild {
  private process: ChildProcess | undefined;
  private state: ChildState['state'] = 'stopped';
  private restarts = 0;
  private pauseMs: number;
  private pause: NodeJS.Timeout | undefined;
  private wasReady = false;
  private stopping = false;
  private questions: Questions | undefined;

  constructor(
    private readonly spec: ChildSpec,
    private readonly events: SupervisorEvents,
    private readonly backoff: Backoff,
  ) {
    this.pauseMs = backoff.firstMs;
  }

  describe(): ChildState {
    return { role: this.spec.role, pid: this.process?.pid, state: this.state, restarts: this.restarts };
  }

  ask(what: string, deadlineMs: number): Promise<unknown> {
    return this.questions?.ask(what, deadlineMs) ?? Promise.reject(new Error(`${this.spec.role} does not run`));
  }

  private answer(what: string): Promise<unknown> {
    return this.events.onQuestion?.(this.spec.role, what) ?? Promise.reject(new Error('Nobody answers'));
  }

  /** One life of the process: resolves at its ready message, rejects when it ends or is late before that. */
  start(): Promise<void> {
    const { spec } = this;
    const startedAt = performance.now();
    let fatalMessage: string | undefined;
    let ready = false;
    const child = fork(spec.script, [...(spec.args ?? [])], {
      env: spec.env,
      execArgv: [...(spec.nodeOptions ?? [])],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    if (spec.niceness !== undefined) stepBack(child.pid, spec.niceness);
    this.process = child;
    const questions = (this.questions = new Questions((message) => child.connected && child.send(message)));
    this.state = 'starting';
    const lastWords: string[] = [];
    if (child.stdout) eachLine(child.stdout, (line) => this.events.onLine(spec.role, line, 'stdout'));
    if (child.stderr) {
      eachLine(child.stderr, (line) => {
        lastWords.push(line);
        if (lastWords.length > 20) lastWords.shift();
        this.events.onLine(spec.role, line, 'stderr');
      });
    }

    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new FatalError(`${spec.role} did not become ready within ${spec.readyDeadlineMs / 1000} s`));
        child.kill('SIGKILL');
      }, spec.readyDeadlineMs);
      child.on('message', (message) => {
        if (questions.take(message, (what) => this.answer(what))) return;
        if (!isChildMessage(message)) {
          this.events.onMessage?.(spec.role, message);
        } else if (message.type === 'fatal') {
          fatalMessage = message.message;
        } else if (!ready) {
          ready = true;
          clearTimeout(late);
          this.wasReady = true;
          this.state = 'ready';
          this.events.onReady(spec.role, child.pid ?? 0, this.restarts);
          resolve();
        }
      });
      child.on('error', reject);
      // 'close' and not 'exit': the last lines of its output have been read by then.
      child.on('close', (code, signal) => {
        clearTimeout(late);
        this.process = undefined;
        questions.close();
        const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
        reject(
          new FatalError(
            fatalMessage ?? [`${spec.role} ended before it was ready (${how})`, ...lastWords].join('\n  '),
          ),
        );
        this.ended({ how, pid: child.pid ?? 0, fatalMessage, servedMs: ready ? performance.now() - startedAt : 0 });
      });
    });
  }

  private ended(end: { how: string; pid: number; fatalMessage: string | undefined; servedMs: number }): void {
    this.state = 'stopped';
    if (this.stopping || !this.wasReady) return;
    if (end.fatalMessage !== undefined) {
      this.events.onFatal(this.spec.role, end.fatalMessage);
      return;
    }
    if (end.servedMs >= this.backoff.resetAfterMs) this.pauseMs = this.backoff.firstMs;
    this.events.onCrash({ role: this.spec.role, pid: end.pid, how: end.how, restartInMs: this.pauseMs });
    this.state = 'waiting';
    this.pause = setTimeout(() => this.startAgain(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, this.backoff.maxMs);
  }

  private startAgain(): void {
    this.restarts += 1;
    // A start that fails has its 'close' as well, which plans the next one.
    this.start().catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.pause);
    const child = this.process;
    this.state = 'stopped';
    if (child === undefined) return;
    await new Promise<void>((resolve) => {
      const impatience = setTimeout(() => child.kill('SIGKILL'), this.spec.stopDeadlineMs);
      child.once('close', () => {
        clearTimeout(impatience);
        resolve();
      });
      child.kill('SIGTERM');
    });
  }
}
