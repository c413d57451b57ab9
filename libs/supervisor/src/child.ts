import { Questions } from './questions.js';
import { FATAL_EXIT_CODE, FatalError } from './fatal-error.js';
import type { ChildMessage } from './messages.js';

/** Tells the parent that this process serves. Without a parent it does nothing. */
export function reportReady(detail?: Record<string, unknown>): void {
  if (process.send === undefined || !process.connected) return;
  const message: ChildMessage = detail === undefined ? { type: 'ready' } : { type: 'ready', detail };
  process.send(message);
}

/** Ends this process for good: the parent stops the rest and shows the message. Without a parent it is printed. */
export function exitFatally(error: unknown): never | void {
  const message = error instanceof FatalError ? error.message : describe(error);
  if (process.send === undefined || !process.connected) {
    process.stderr.write(`${message}\n`);
    process.exit(FATAL_EXIT_CODE);
  }
  // The pipe is flushed before the exit; the callback comes also when the parent is gone.
  process.send({ type: 'fatal', message } satisfies ChildMessage, () => process.exit(FATAL_EXIT_CODE));
}

function describe(error: unknown): string {
  if (error instanceof Error) return error.name === 'ConfigError' ? error.message : (error.stack ?? error.message);
  return String(error);
}

/**
 * Runs `stop` once when this process is asked to end (SIGTERM, SIGINT) or its parent is gone, then exits with 0. A
 * stop that takes longer than the deadline is cut off, a second signal cuts it off at once; both exit with 1.
 */
export function stopOnRequest(stop: () => Promise<void>, options: { readonly deadlineMs: number }): void {
  let stopping = false;
  const request = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    setTimeout(() => process.exit(1), options.deadlineMs).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${describe(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', request);
  process.on('SIGINT', request);
  if (process.send === undefined) return;
  process.on('disconnect', () => {
    if (!stopping) request();
  });
  if (!process.connected) request();
}

let questions: Questions | undefined;

/** Lets the parent ask this process, and this process its parent. Once, at the start. */
export function answerParent(answers: Readonly<Record<string, () => unknown>>): void {
  if (process.send === undefined) return;
  const end = (questions = new Questions((message) => process.connected && process.send!(message)));
  const answer = (what: string): unknown => {
    const known = answers[what];
    if (known === undefined) throw new Error(`"${what}" is not known here`);
    return known();
  };
  process.on('message', (message) => void end.take(message, answer));
  process.on('disconnect', () => end.close());
}

/** Asks the parent's `onQuestion`. Rejects where there is none, it does not know, or the deadline passes. */
export function askParent(what: string, deadlineMs: number): Promise<unknown> {
  return questions?.ask(what, deadlineMs) ?? Promise.reject(new Error('This process has no parent that answers'));
}
