import type { CommandContext, CommandDefinition } from '../commands/define-command.js';
import type { Session } from '../session/session.js';
import { type AbortCause, CommandAborted } from './command-aborted.js';
import type { Reply } from './reply.js';

/** One execution of one command. The AbortController is taken only for handlers that look at the signal. */
export class CommandRun implements CommandContext {
  #controller: AbortController | null = null;
  #aborted: CommandAborted | null = null;

  constructor(
    readonly definition: CommandDefinition,
    readonly session: Session,
    readonly verb: string,
    readonly arg: string,
    readonly write: (preliminary: Reply) => void,
  ) {}

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = this.session.takeController();
      if (this.#aborted !== null) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /** Why it was told to stop; null while it was not. */
  get aborted(): CommandAborted | null {
    return this.#aborted;
  }

  /** ABOR stops it. */
  get abortable(): boolean {
    const flags = this.definition.flags;
    return flags?.data === true || flags?.abortable === true;
  }

  abort(cause: AbortCause, detail?: string): void {
    if (this.#aborted !== null) return;
    this.#aborted = new CommandAborted(cause, detail);
    this.#controller?.abort(this.#aborted);
  }

  say(preliminary: Reply): void {
    this.write(preliminary);
  }

  /** It has ended: where nobody stopped it, the next command of the session may have its signal. */
  ended(): void {
    if (this.#controller !== null && this.#aborted === null) this.session.keepController(this.#controller);
    this.#controller = null;
  }

  now(): number {
    return Date.now();
  }
}
