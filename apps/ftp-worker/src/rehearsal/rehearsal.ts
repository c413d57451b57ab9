import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { RehearsalClient } from './rehearsal-client.js';
import { LOGIN, openStage, PASSWORD, type StageOptions } from './stage.js';

export interface RehearsalOptions extends Omit<StageOptions, 'folder'> {
  /** Whether customers keep the worker busy: then they have the machine, and it learns from them. */
  readonly isBusy: () => boolean;
  readonly acts?: readonly Act[];
}

/** Sessions one after the other: in each of two plain lanes, and in one under TLS; and such that only log in. */
interface Act {
  readonly plain: number;
  readonly tls: number;
  readonly plainLogins: number;
  readonly tlsLogins: number;
}

/** What a session of the rehearsal does. */
interface Visit {
  readonly port: number;
  /** Of its files. */
  readonly name: string;
  readonly tls: boolean;
  readonly transfers: number;
}

/** More than this it never takes. */
const DEADLINE_MS = 20_000;
/**
 * Each on a stage of its own: V8 ties what it compiles to the one engine that it has seen, and drops it when the next
 * comes. What a second stage teaches it holds for any.
 */
const ACTS: readonly Act[] = [
  { plain: 14, tls: 20, plainLogins: 0, tlsLogins: 0 },
  { plain: 20, tls: 40, plainLogins: 200, tlsLogins: 200 },
];
/**
 * At V8's own measure a function of the login would be compiled after some two thousand of them. At a small part of it
 * an act plays often enough, and customers get V8's measure again. That cannot be asked for, so it is changed only in the
 * V8 whose measure is known.
 */
const BUDGET = { v8: '11.3.', usual: 66 * 1024, rehearsed: 2 * 1024 };
const TRANSFERS = { plain: 16, tls: 4 };
const CONTENT = Buffer.alloc(4096, 'rehearsal ');
const QUIET_LOG = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * A process that has just started is several times slower than one that has served for a minute: V8 interprets what it
 * has not seen run often, and compiles while customers wait. So a new worker serves itself for a few seconds, logins,
 * transfers and listings, through the same engine and adapters ({@link openStage}); nothing of it reaches database,
 * queue or log. It gives way as soon as customers keep the worker busy, and a failure costs nothing but the warmth.
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
    const { config, place, log, acts = ACTS } = this.options;
    const folder = join(config.spool.dir, `rehearsal-${place.slot}`);
    const signal = AbortSignal.any([this.end.signal, AbortSignal.timeout(DEADLINE_MS)]);
    const startedAt = performance.now();
    let sessions = 0;
    try {
      for (const [index, act] of acts.entries()) {
        if (this.options.isBusy()) break;
        // Not in the first: what it would compile early it would have seen with one engine only.
        if (index > 0) compileAfter(BUDGET.rehearsed);
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(join(folder, 'storage/rehearsal'), { recursive: true });
        mkdirSync(join(folder, 'spool'), { recursive: true });
        sessions += await this.perform(act, folder, signal);
      }
      log.debug('rehearsed', { sessions, ms: Math.round(performance.now() - startedAt) });
    } finally {
      compileAfter(BUDGET.usual);
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** The number of sessions that were played. */
  private async perform(act: Act, folder: string, signal: AbortSignal): Promise<number> {
    const stage = await openStage({ ...this.options, log: QUIET_LOG, folder });
    const { port } = stage;
    const lane = (name: string, kind: 'plain' | 'tls', transfers: number, sessions: number): Promise<number> =>
      this.lane({ port, name, tls: kind === 'tls', transfers }, sessions, signal);
    try {
      const lanes = [
        lane('a', 'plain', TRANSFERS.plain, act.plain),
        lane('b', 'plain', TRANSFERS.plain, act.plain),
        lane('d', 'plain', 0, act.plainLogins),
      ];
      if (this.options.certificate !== null) {
        lanes.push(lane('c', 'tls', TRANSFERS.tls, act.tls), lane('e', 'tls', 0, act.tlsLogins));
      }
      const results = await Promise.allSettled(lanes);
      let sessions = 0;
      for (const result of results) {
        if (result.status === 'rejected') throw result.reason;
        sessions += result.value;
      }
      return sessions;
    } finally {
      await stage.close();
    }
  }

  /** The number of sessions that were played. */
  private async lane(visit: Visit, planned: number, signal: AbortSignal): Promise<number> {
    for (let session = 0; session < planned; session++) {
      signal.throwIfAborted();
      if (this.options.isBusy()) return session;
      if (!(await this.play(visit, signal))) return session;
      // Whoever came meanwhile is served first.
      await delay(1, undefined, { signal });
    }
    return planned;
  }

  /** One customer's visit; false where it was cut short for real ones. */
  private async play({ port, name, tls, transfers }: Visit, signal: AbortSignal): Promise<boolean> {
    const client = await RehearsalClient.open(port);
    const close = (): void => client.close();
    signal.addEventListener('abort', close, { once: true });
    try {
      signal.throwIfAborted();
      if (tls) await client.secure();
      await client.login(LOGIN, PASSWORD);
      for (let transfer = 0; transfer < transfers; transfer++) {
        if (this.options.isBusy()) return false;
        await client.upload(`STOR ${name}${transfer}`, CONTENT);
        await client.say(`SIZE ${name}${transfer}`);
        await client.download(`RETR ${name}${transfer}`);
      }
      if (transfers > 0) {
        await client.download('LIST');
        await client.download('MLSD');
        await client.say('NOOP');
      }
      await client.say('QUIT');
      return true;
    } finally {
      signal.removeEventListener('abort', close);
      client.close();
    }
  }
}

/** How much of a function V8 interprets, in bytes of its code, before it asks whether to compile it. */
function compileAfter(bytes: number): void {
  if (process.versions.v8.startsWith(BUDGET.v8)) setFlagsFromString(`--interrupt-budget=${bytes}`);
}

function nothing(): void {}
