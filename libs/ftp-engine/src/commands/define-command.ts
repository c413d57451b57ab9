import type { ErrorCode } from '@quayside/domain';
import type { Reply } from '../control/reply.js';
import type { Session } from '../session/session.js';

/** What the guards, FEAT, HELP and the compliance table read. */
export interface CommandFlags {
  /** Allowed before login. */
  readonly no_auth?: boolean;
  /** `required` answers 501 to an empty argument, `none` answers 501 to any; `optional` is the default. */
  readonly arg?: 'required' | 'optional' | 'none';
  /** Uses a data connection: refused with 521 while PROT is too low, stopped by ABOR, and not idle while it runs. */
  readonly data?: boolean;
  /** Without a data connection, but may run long and is stopped by ABOR (HASH). */
  readonly abortable?: boolean;
  /** Answered at once while another command runs (STAT without argument). */
  readonly urgent?: boolean;
  /** Prepares a data connection: run at once where the running command waits for one (STOU before PASV). */
  readonly prepares?: boolean;
  /** The argument is a secret and never logged. */
  readonly secret?: boolean;
  /** Its line in the FEAT reply; a function where it depends on the session or there are several. */
  readonly feat?: string | ((session: Session) => readonly string[]);
}

/** A verb: one row of the table that dispatch, guards, FEAT, HELP and the frame's registry are read from. */
export interface CommandDefinition {
  readonly directive: string;
  /** Other spellings, e.g. XMKD (RFC 775). */
  readonly aliases?: readonly string[];
  /** `{{cmd}}` stands for the directive, as in ftp-srv's registry. */
  readonly syntax: string;
  readonly description: string;
  /** Document and section that define it, e.g. `RFC 959 §4.1.3`. */
  readonly rfc: string;
  readonly flags?: CommandFlags;
  /** Reply codes of this verb where its RFC 959 §5.4 list asks for others than the error table's. */
  readonly replyCodes?: Partial<Record<ErrorCode, number>>;
  /** Returns the final reply or throws a DomainError. One that needs no waiting returns the value itself: it is cheaper. */
  readonly handler: (context: CommandContext) => Reply | Promise<Reply>;
}

/** What a handler is given. A handler never writes to the control socket itself. */
export interface CommandContext {
  readonly session: Session;
  /** The directive as it was sent, upper case (an alias shows as itself). */
  readonly verb: string;
  /**
   * Everything after the one space that follows the verb, byte-exact: quotes, dashes and further spaces are kept. Bytes
   * that are not UTF-8 stand as lone surrogates (`encodeName` of libs/storage). Empty where there was no argument.
   */
  readonly arg: string;
  /** Aborted by ABOR, control loss, kick or drain; `signal.reason` is a CommandAborted. Made on first use. */
  readonly signal: AbortSignal;
  /** Write a preliminary reply (1xx) now. */
  say(preliminary: Reply): void;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Keeps the literal types of a definition and gives each verb file one shape. */
export function defineCommand(definition: CommandDefinition): CommandDefinition {
  return definition;
}
