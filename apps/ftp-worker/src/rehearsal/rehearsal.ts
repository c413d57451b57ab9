import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { type Customers, CustomersProcess, type OpenCustomers } from './customers.js';
import { LOGINS, openStage, PASSWORD, type Stage, type StageOptions } from './stage.js';

export interface RehearsalOptions extends Omit<StageOptions, 'folder'> {
  /** Whether customers keep the worker busy: then they have the machine, and it learns from them. */
  readonly isBusy: () => boolean;
  /** In a process of their own unless given. */
  readonly customers?: OpenCustomers;
  readonly acts?: readonly Act[];
}

/** What is played on one stage. */
type Act = readonly Scene[];

/** How many sessions each lane plays one after the other; {@link LANES} says how many lanes there are. */
interface Scene extends Readonly<Record<Kind, number>> {
  /** Whether V8 may compile what it sees. */
  readonly compiles: boolean;
}

/** With transfers and listings, or a login alone. */
const KINDS = ['plain', 'tls', 'plainLogins', 'tlsLogins'] as const;
type Kind = (typeof KINDS)[number];

interface Performance {
  /** Of the stage: files and spool. */
  readonly folder: string;
  readonly customers: Customers;
  readonly played: { sessions: number };
  readonly signal: AbortSignal;
}

/** More than this it never takes. */
const DEADLINE_MS = 60_000;
/** Sessions at once, of each kind. */
const LANES = { plain: 8, tls: 4, plainLogins: 4, tlsLogins: 8 } as const;
/** Connections of the worker's own, in each scene. */
const KNOCKS = 4;
/** Files that a session sends and fetches. */
const TRANSFERS = { plain: 8, tls: 4, plainLogins: 0, tlsLogins: 0 } as const;
/**
 * V8 ties what it compiles to the one engine that it has seen, and drops it when the next comes. So the first act and
 * the beginning of the second only teach it which objects there are; what it compiles after that holds for any engine.
 */
const ACTS: readonly Act[] = [
  [{ compiles: false, plain: 1, tls: 2, plainLogins: 4, tlsLogins: 3 }],
  [
    { compiles: false, plain: 1, tls: 1, plainLogins: 2, tlsLogins: 2 },
    { compiles: true, plain: 4, tls: 5, plainLogins: 12, tlsLogins: 10 },
  ],
];
/**
 * When V8 compiles: after how many bytes of a function's code it looks at it, how many looks it takes before it
 * compiles, and up to which length it compiles at the first. By its own measure a function of the login comes to it after
 * some two thousand logins. What it has now cannot be asked for, so it is changed only in the V8 whose measure is known.
 */
const MEASURES = {
  v8: '11.3.',
  usual: [66 * 1024, 3, 81],
  never: [2 * 1024, 1_000_000, 0],
  soon: [2 * 1024, 3, 81],
} as const;
const QUIET_LOG = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * A process that has just started is several times slower than one that has served for a minute: V8 interprets what it
 * has not seen run often, and compiles while customers wait. So a new worker serves itself for a few seconds, logins,
 * transfers and listings, through the same engine and adapters ({@link openStage}); nothing of it reaches database,
 * queue or log. The customers are another process, as real ones are: in this one, their sockets would teach V8 what the
 * worker's own never are. It gives way as soon as real customers keep the worker busy, and a failure costs nothing but
 * the warmth.
 *
 * Its garbage is left to V8: a collection forced at its end takes away the shapes of objects of which none is alive just
 * then, and with them most of the code that was compiled for them.
 */
export class Rehearsal {
  private readonly end = new AbortController();
  private running: Promise<void> | null = null;

  constructor(private readonly options: RehearsalOptions) {}

  /** Resolves at its end, however it ends; never throws. */
  start(): Promise<void> {
    this.running ??= this.run().catch((error: unknown) => {
      if (!this.end.signal.aborted) this.options.log.debug('the rehearsal ended early', { error: String(error) });
    });
    return this.running;
  }

  async stop(): Promise<void> {
    this.end.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const {
      config,
      place,
      log,
      acts = ACTS,
      customers: open = (onTransfer) => new CustomersProcess(onTransfer),
    } = this.options;
    const folder = join(config.spool.dir, `rehearsal-${place.slot}`);
    const startedAt = performance.now();
    const played = { sessions: 0 };
    // Not only between sessions.
    const customers = open(() => {
      if (this.options.isBusy()) customers.close();
    });
    const leave = (): void => customers.close();
    const signal = AbortSignal.any([this.end.signal, AbortSignal.timeout(DEADLINE_MS)]);
    signal.addEventListener('abort', leave, { once: true });
    try {
      for (const act of acts) {
        if (this.options.isBusy()) break;
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(join(folder, 'storage/rehearsal/files/folder'), { recursive: true });
        mkdirSync(join(folder, 'spool'), { recursive: true });
        await this.perform(act, { folder, customers, played, signal });
      }
      log.debug('rehearsed', { ...played, ms: Math.round(performance.now() - startedAt) });
    } finally {
      compile('usual');
      signal.removeEventListener('abort', leave);
      leave();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  private async perform(act: Act, parts: Performance): Promise<void> {
    const stage = await openStage({ ...this.options, log: QUIET_LOG, folder: parts.folder });
    try {
      for (const scene of act) {
        compile(scene.compiles ? 'soon' : 'never');
        const lanes = KINDS.filter((kind) => this.options.certificate !== null || !kind.startsWith('tls')).flatMap(
          (kind) => Array.from({ length: LANES[kind] }, (_, lane) => this.lane(kind, lane, scene[kind], stage, parts)),
        );
        lanes.push(knockAt(stage.port, parts.signal));
        const failed = (await Promise.allSettled(lanes)).find(({ status }) => status === 'rejected');
        if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
      }
    } finally {
      await stage.close();
    }
  }

  /** One session after the other, until all are played or real customers come. */
  private async lane(
    kind: Kind,
    lane: number,
    sessions: number,
    { port }: Stage,
    { customers, played, signal }: Performance,
  ): Promise<void> {
    const login = { user: LOGINS[lane % LOGINS.length]!, password: PASSWORD };
    for (let session = 0; session < sessions; session++) {
      signal.throwIfAborted();
      if (this.options.isBusy()) return;
      const tls = kind.startsWith('tls');
      try {
        await customers.visit({
          port,
          ...login,
          tls,
          name: `${lane % 2 === 0 ? '' : 'folder/'}${kind}-${lane}-`,
          transfers: TRANSFERS[kind],
        });
      } catch (error) {
        if (this.options.isBusy()) return;
        throw error;
      }
      played.sessions += 1;
    }
  }
}

/**
 * Sockets such as the worker itself opens, to its database, and timers of all lengths: code that serves all is dropped
 * and compiled again when it first meets one of another kind.
 */
async function knockAt(port: number, signal: AbortSignal): Promise<void> {
  for (const ms of [0, 0.5, 20, 70, 300]) setTimeout(nothing, ms).unref();
  for (let knock = 0; knock < KNOCKS; knock++) {
    const socket = new Socket();
    socket.on('error', nothing);
    try {
      socket.setNoDelay(true);
      socket.setKeepAlive(true);
      socket.connect(port, '127.0.0.1');
      await once(socket, 'data', { signal });
      socket.write('QUIT\r\n', () => socket.end());
      await once(socket, 'close', { signal });
    } finally {
      socket.destroy();
    }
  }
}

function compile(when: 'usual' | 'never' | 'soon'): void {
  if (!process.versions.v8.startsWith(MEASURES.v8)) return;
  const [budget, looks, smallest] = MEASURES[when];
  setFlagsFromString(`--interrupt-budget=${budget}`);
  setFlagsFromString(`--ticks-before-optimization=${looks}`);
  setFlagsFromString(`--max-bytecode-size-for-early-opt=${smallest}`);
}

function nothing(): void {}
