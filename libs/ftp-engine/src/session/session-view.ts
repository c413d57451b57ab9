import type { RunningCommand, Session } from './session.js';

/** One live session as hosts show it; a copy. */
export interface SessionView {
  readonly id: string;
  readonly listener: string;
  readonly remoteAddress: string;
  readonly openedAtMs: number;
  readonly tls: string | null;
  readonly clientName: string | null;
  readonly tenantId: string | null;
  readonly accountId: string | null;
  readonly login: string | null;
  readonly cwd: string;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** The command that has not been answered yet, a transfer's too. */
  readonly command: RunningCommand | null;
  readonly transfer: {
    readonly verb: string;
    readonly path: string;
    readonly bytes: number;
    readonly startedAtMs: number;
  } | null;
}

export function viewOf(session: Session): SessionView {
  const { activity, grant } = session;
  return {
    id: session.id,
    listener: session.listener.name,
    remoteAddress: session.remoteAddress,
    openedAtMs: session.openedAtMs,
    tls: session.tls?.version ?? null,
    clientName: session.clientName,
    tenantId: grant?.tenantId ?? null,
    accountId: grant?.accountId ?? null,
    login: grant?.login ?? null,
    cwd: session.cwd,
    bytesUp: session.bytesUp,
    bytesDown: session.bytesDown,
    command: session.control.running,
    transfer:
      activity === null
        ? null
        : { verb: activity.verb, path: activity.path, bytes: activity.bytes, startedAtMs: activity.startedAtMs },
  };
}
