import { DomainError } from '@quayside/domain';

/**
 * Why a running command was told to stop: the client's ABOR, the loss of its control connection, the session's end, or
 * rules that do not allow it any more.
 */
export type AbortCause = 'abor' | 'control-lost' | 'session-ended' | 'refused';

/** The reason of every command's AbortSignal; as a reply it is 426. */
export class CommandAborted extends DomainError {
  constructor(
    readonly abortCause: AbortCause,
    detail?: string,
  ) {
    super('data.aborted', detail === undefined ? {} : { detail });
    this.name = 'CommandAborted';
  }
}
