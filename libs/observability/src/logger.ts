import pino, { type DestinationStream, type Logger } from 'pino';
import pretty from 'pino-pretty';
import { REDACTED, REDACTED_PATHS, scrub } from './redaction.js';

export type LogFields = Record<string, unknown>;

/** The log of a process. Its shape fits the engine's `Log` port; message first, then the fields. */
export interface AppLog {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  fatal(message: string, fields?: LogFields): void;
  /** The same log with these fields on every record. */
  child(fields: LogFields): AppLog;
}

export interface LogOptions {
  /** Name of the process in every record, e.g. `api` or `ftp-worker`. */
  readonly app: string;
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  /** Undefined: pretty on a terminal, JSON otherwise. */
  readonly format?: 'pretty' | 'json' | undefined;
  /** Where the records go; standard output when absent. */
  readonly destination?: DestinationStream;
  /** Fields of every record, e.g. the worker's slot. */
  readonly fields?: LogFields;
}

/**
 * The log factory: one line of JSON per record, or readable text for a person at a terminal. Writes are synchronous,
 * so that the last record before a crash is not lost.
 */
export function createLog(options: LogOptions): AppLog {
  const asText = options.format === 'pretty' || (options.format === undefined && process.stdout.isTTY);
  const raw = options.destination ?? standardOutput();
  const destination = asText
    ? pretty({
        destination: options.destination === undefined ? 1 : raw,
        sync: true,
        ignore: 'pid,hostname,app',
        messageFormat: '{app}: {msg}',
        translateTime: 'SYS:HH:MM:ss',
        colorize: options.destination === undefined,
      })
    : raw;
  return new PinoLog(
    pino(
      {
        level: options.level,
        base: { app: options.app, pid: process.pid, ...options.fields },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        redact: { paths: [...REDACTED_PATHS], censor: REDACTED },
        serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err, cause: pino.stdSerializers.err },
        hooks: { streamWrite: scrub },
      },
      destination,
    ),
  );
}

/** When the reader of the log is gone (the parent was killed) the process goes on to its orderly end in silence. */
function standardOutput(): DestinationStream {
  return pino.destination({ fd: 1, sync: true }).on('error', () => undefined);
}

class PinoLog implements AppLog {
  constructor(private readonly logger: Logger) {}

  trace(message: string, fields: LogFields = {}): void {
    this.logger.trace(fields, message);
  }
  debug(message: string, fields: LogFields = {}): void {
    this.logger.debug(fields, message);
  }
  info(message: string, fields: LogFields = {}): void {
    this.logger.info(fields, message);
  }
  warn(message: string, fields: LogFields = {}): void {
    this.logger.warn(fields, message);
  }
  error(message: string, fields: LogFields = {}): void {
    this.logger.error(fields, message);
  }
  fatal(message: string, fields: LogFields = {}): void {
    this.logger.fatal(fields, message);
  }
  child(fields: LogFields): AppLog {
    return new PinoLog(this.logger.child(fields));
  }
}
