import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { giveBackMemory } from '@quayside/native';
import { RehearsalClient } from './rehearsal-client.js';
import { LOGIN, openStage, PASSWORD, type StageOptions } from './stage.js';

export interface RehearsalOptions extends Omit<StageOptions, 'folder'> {
  /** Whether customers keep the worker busy: then they have the machine, and it learns from them. */
  readonly isBusy: () => boolean;
  /** Sessions one after the other: in each of two plain lanes, and in one under TLS. */
  readonly sessions?: { readonly plain: number; readonly tls: number };
}

/** More than this it never takes. */
const DEADLINE_MS = 20_000;
const SESSIONS = { plain: 40, tls: 60 };
const PLAIN_TRANSFERS = 16;
const TLS_TRANSFERS = 4;
const CONTENT = Buffer.alloc(4096, 'rehearsal ');
const QUIET_LOG = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * A process that has just started is several times slower than one that has served for a minute: V8 interprets what it
 * has not seen run often, and compiles while customers wait. So a new worker serves itself for a few seconds, logins,
 * transfers and listings, through the same engine and adapters ({@link openStage}); nothing of it reaches database,
 * queue or log. It gives way as soon as customers keep the worker busy, and a failure costs nothing but the warmth.
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
    const { config, place, log } = this.options;
    const folder = join(config.spool.dir, `rehearsal-${place.slot}`);
    const startedAt = performance.now();
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, 'storage/rehearsal'), { recursive: true });
    mkdirSync(join(folder, 'spool'), { recursive: true });
    try {
      const stage = await openStage({ ...this.options, log: QUIET_LOG, folder });
      try {
        const signal = AbortSignal.any([this.end.signal, AbortSignal.timeout(DEADLINE_MS)]);
        const lanes = [this.lane(stage.port, 'a', false, signal), this.lane(stage.port, 'b', false, signal)];
        if (this.options.certificate !== null) lanes.push(this.lane(stage.port, 'c', true, signal));
        const results = await Promise.allSettled(lanes);
        for (const result of results) if (result.status === 'rejected') throw result.reason;
        const sessions = results.reduce((sum, result) => sum + (result.status === 'fulfilled' ? result.value : 0), 0);
        const ms = Math.round(performance.now() - startedAt);
        log.debug('rehearsed', { sessions, ms });
      } finally {
        await stage.close();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
      // All of it was garbage, 40 MB by now. Customers who came meanwhile shall not wait for the collection.
      if (!this.end.signal.aborted && !this.options.isBusy()) giveBackMemory();
    }
  }

  /** The number of sessions that were played. */
  private async lane(port: number, name: string, tls: boolean, signal: AbortSignal): Promise<number> {
    const { plain, tls: secured } = this.options.sessions ?? SESSIONS;
    const planned = tls ? secured : plain;
    for (let session = 0; session < planned; session++) {
      signal.throwIfAborted();
      if (this.options.isBusy()) return session;
      if (!(await this.play(port, name, tls, signal))) return session;
      // Whoever came meanwhile is served first.
      await delay(1, undefined, { signal });
    }
    return planned;
  }

  /** One customer's visit; false where it was cut short for real ones. */
  private async play(port: number, name: string, tls: boolean, signal: AbortSignal): Promise<boolean> {
    const client = await RehearsalClient.open(port);
    const close = (): void => client.close();
    signal.addEventListener('abort', close, { once: true });
    try {
      signal.throwIfAborted();
      if (tls) await client.secure();
      await client.login(LOGIN, PASSWORD);
      for (let transfer = 0; transfer < (tls ? TLS_TRANSFERS : PLAIN_TRANSFERS); transfer++) {
        if (this.options.isBusy()) return false;
        await client.upload(`STOR ${name}${transfer}`, CONTENT);
        await client.say(`SIZE ${name}${transfer}`);
        await client.download(`RETR ${name}${transfer}`);
      }
      await client.download('LIST');
      await client.download('MLSD');
      await client.say('NOOP');
      await client.say('QUIT');
      return true;
    } finally {
      signal.removeEventListener('abort', close);
      client.close();
    }
  }
}

function nothing(): void {}
