import { createRequire } from 'node:module';
import { SHARE_ENV, Worker } from 'node:worker_threads';

/** What a thread is asked for; the reply is the hash, or whether the password matches. */
export type HashJob =
  | { readonly kind: 'hash'; readonly password: string; readonly cost: number }
  | { readonly kind: 'compare'; readonly password: string; readonly hash: string };

type Reply = { readonly value: string | boolean } | { readonly error: string };

export interface HashThreadsOptions {
  /** A thread that has had nothing to do for so long ends, and its memory is free again. */
  readonly idleMs?: number;
}

/**
 * Steps behind the rest of the process where processors are short (nice): together two hashes then take a tenth of a
 * core that transfers could use up, instead of two thirds of it.
 */
const STEPS_BEHIND = 12;
const IDLE_MS = 5_000;
/** A thread has bcrypt and nothing else. */
const RESOURCES = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 };

/**
 * CommonJS, as text: a thread's program is not compiled with the rest. On Linux a priority that is set within a thread
 * is the thread's own; elsewhere it would be the whole process's.
 */
const PROGRAM = `
const { getPriority, setPriority } = require('node:os');
const { parentPort, workerData } = require('node:worker_threads');
const bcrypt = require(workerData.bcrypt);
if (process.platform === 'linux') setPriority(Math.min(19, getPriority() + workerData.stepsBehind));
parentPort.on('message', (job) => {
  try {
    const value =
      job.kind === 'hash' ? bcrypt.hashSync(job.password, job.cost) : bcrypt.compareSync(job.password, job.hash);
    parentPort.postMessage({ value });
  } catch (error) {
    parentPort.postMessage({ error: String(error) });
  }
});
`;

/**
 * Threads of their own for bcrypt, of lower priority than the one that serves: on libuv's, hashes would stand before
 * reads of files, and a processor shared with them would give each hash as much as all transfers. There are as many
 * threads as jobs at once; how many that are is the caller's to bound.
 */
export class HashThreads {
  private readonly idle: HashThread[] = [];
  private readonly idleMs: number;

  constructor(options: HashThreadsOptions = {}) {
    this.idleMs = options.idleMs ?? IDLE_MS;
  }

  async hash(password: string, cost: number): Promise<string> {
    return (await this.run({ kind: 'hash', password, cost })) as string;
  }

  async compare(password: string, hash: string): Promise<boolean> {
    return (await this.run({ kind: 'compare', password, hash })) as boolean;
  }

  private async run(job: HashJob): Promise<string | boolean> {
    const thread = this.idle.pop() ?? new HashThread();
    const value = await thread.run(job);
    this.idle.push(thread);
    thread.rest(this.idleMs, () => this.idle.splice(this.idle.indexOf(thread), 1));
    return value;
  }
}

/** One thread, which does one job at a time; after a failure it is not used again. */
class HashThread {
  private readonly worker: Worker;
  private settle: ((reply: Reply) => void) | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor() {
    this.worker = new Worker(PROGRAM, {
      eval: true,
      execArgv: [],
      env: SHARE_ENV,
      resourceLimits: RESOURCES,
      workerData: { bcrypt: createRequire(import.meta.url).resolve('bcrypt'), stepsBehind: STEPS_BEHIND },
    })
      .on('message', (reply: Reply) => this.settle?.(reply))
      .on('error', (error) => this.settle?.({ error: String(error) }))
      .on('exit', (code) => this.settle?.({ error: `ended with code ${code}` }));
  }

  /** Keeps the process alive until it has ended. */
  async run(job: HashJob): Promise<string | boolean> {
    const { worker } = this;
    if (this.timer !== null) clearTimeout(this.timer);
    worker.ref();
    const reply = await new Promise<Reply>((resolve) => {
      this.settle = resolve;
      worker.postMessage(job, []);
    });
    worker.unref();
    if ('value' in reply) return reply.value;
    void worker.terminate();
    throw new Error(`A password could not be hashed: ${reply.error}`);
  }

  /** Ends it unless it is wanted again before `ms` have passed. */
  rest(ms: number, ended: () => void): void {
    this.timer = setTimeout(() => {
      ended();
      void this.worker.terminate();
    }, ms).unref();
  }
}
