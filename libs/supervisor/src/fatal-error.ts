/** Exit code of a process that cannot run as it is set up (EX_CONFIG of sysexits.h): starting it again is no use. */
export const FATAL_EXIT_CODE = 78;

/** A reason not to start, worded for the operator: the message is shown as it is, without a stack. */
export class FatalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FatalError';
  }
}

/** Where a listener was to be opened, for the message. */
export interface ListenTarget {
  /** Name of the setting that holds the port. */
  readonly setting: string;
  /** Name of the setting that holds the address. */
  readonly hostSetting?: string;
  readonly host?: string;
  readonly port: number;
}

/** Puts the failure of a `listen` into words that name the setting; other errors are passed on as they are. */
export function listenError(error: unknown, target: ListenTarget): unknown {
  const { setting, port } = target;
  const where = target.host === undefined ? `Port ${port}` : `Port ${port} on ${target.host}`;
  switch ((error as NodeJS.ErrnoException | null)?.code) {
    case 'EADDRINUSE':
      return new FatalError(
        `${where} (${setting}) is already in use by another program. Stop that program, or set ${setting} to a free port.`,
        { cause: error },
      );
    case 'EACCES':
      return new FatalError(
        `${where} (${setting}) may not be opened by this user. Set ${setting} to a port from 1024, or give the process the right to low ports (CAP_NET_BIND_SERVICE).`,
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return new FatalError(
        `${target.host ?? 'The address'} is not an address of this machine. Set ${target.hostSetting ?? 'the address'} to one, or to 0.0.0.0 for all.`,
        { cause: error },
      );
    default:
      return error;
  }
}
