import type { Log } from '../ports.js';

type Write = (first: unknown, ...rest: unknown[]) => void;

/** The bunyan shape that ftp-srv writes to. One object for all: a child logger per command was measurable. */
export interface FrameLog {
  child(): FrameLog;
  readonly trace: Write;
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}

const drop: Write = () => {};

/** What ftp-srv has to say is about itself, not about sessions: errors become warnings of ours, the rest is dropped. */
export function bridgeLog(log: Log): FrameLog {
  const frame: FrameLog = {
    child: () => frame,
    trace: drop,
    debug: drop,
    info: drop,
    warn: drop,
    error: (first, message) =>
      log.debug('ftp-srv', { message: typeof first === 'string' ? first : message, error: messageOf(first) }),
  };
  return frame;
}

function messageOf(value: unknown): string | undefined {
  return value instanceof Error ? value.message : undefined;
}
