import { type ChildProcess, fork } from 'node:child_process';
import { dirname, join } from 'node:path';
import { stepBack } from '@quayside/supervisor';
import type { Visit } from './rehearsal-client.js';

/** Who visits the stage. */
export interface Customers {
  /** Resolves when the session has ended well; rejects where it has not, and after `close`. */
  visit(visit: Visit): Promise<void>;
  close(): void;
}

/** Between a visit's transfers its customer can be called away, by `close`. */
export type OpenCustomers = (onTransfer: () => void) => Customers;

/** What is sent to the process: a visit to play. */
export interface Order {
  readonly id: number;
  readonly visit: Visit;
}

/** What it answers, after each transfer and at the end. */
export interface Answer {
  readonly id: number;
  readonly state: 'goes-on' | 'played' | 'failed';
  /** Why it failed. */
  readonly error?: string;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Behind the worker, to which real customers may have come meanwhile. */
const STEPS_BEHIND = 5;

/** Customers in a process of their own (`rehearsal-process.js`), which `close` ends and which ends with this one. */
export class CustomersProcess implements Customers {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private ended: Error | null = null;
  private last = 0;

  constructor(private readonly onTransfer: () => void) {
    // The processes' files are beside each other, wherever this module is.
    const script = join(dirname(process.argv[1]!), 'rehearsal-process.js');
    // Of this process's environment it needs nothing, and there are secrets in it.
    this.child = fork(script, [], { env: {}, execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    stepBack(this.child.pid, STEPS_BEHIND);
    this.child.on('message', (answer: Answer) => this.answered(answer));
    this.child.on('error', (error) => this.end(error));
    this.child.on('exit', (code, signal) =>
      this.end(new Error(`its customers ended: ${signal ?? `exit code ${code}`}`)),
    );
  }

  visit(visit: Visit): Promise<void> {
    if (this.ended !== null) return Promise.reject(this.ended);
    const id = (this.last += 1);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.send({ id, visit } satisfies Order, (error) => {
        if (error !== null) this.end(error);
      });
    });
  }

  close(): void {
    this.end(new Error('its customers were sent away'));
  }

  private answered({ id, state, error }: Answer): void {
    if (state === 'goes-on') return this.onTransfer();
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (state === 'played') waiting?.resolve();
    else waiting?.reject(new Error(error));
  }

  private end(error: Error): void {
    if (this.ended !== null) return;
    this.ended = error;
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
    this.child.kill('SIGKILL');
  }
}
