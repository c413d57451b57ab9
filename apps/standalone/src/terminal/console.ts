import { scrub } from '@quayside/observability';
import type { LogFile } from './log-file.js';

type Level = 'info' | 'warn' | 'error' | 'fatal';
const LOUD: ReadonlySet<string> = new Set(['warn', 'error', 'fatal']);

/** Everything into the log file; the terminal gets what the person there has to know. */
export class Console {
  constructor(
    private readonly file: LogFile,
    private readonly out: (text: string) => void,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** A step of the installation's own life. */
  lifecycle(message: string): void {
    this.record('info', 'standalone', message);
    this.out(`${message}\n`);
  }

  /** Into the file only. */
  note(message: string): void {
    this.record('info', 'standalone', message);
  }

  warn(message: string): void {
    this.record('warn', 'standalone', message);
    this.show('warn', 'standalone', message);
  }

  /** A line that a child wrote: one of its log records, or the raw text of a crash. */
  childLine(role: string, line: string): void {
    const record = parseRecord(line);
    if (record === null) {
      this.record('error', role, line);
      this.out(`${scrub(line)}\n`);
      return;
    }
    this.file.write(line);
    if (LOUD.has(record.level)) this.show(record.level, role, withReason(record));
  }

  /** A line of the server's log; errors of statements are the business of the app that sent them. */
  postgresLine(line: string): void {
    const severity = /^(?:\S+ \S+ \S+ \[\d+\] )?(LOG|WARNING|ERROR|FATAL|PANIC):/.exec(line)?.[1] ?? 'LOG';
    const level: Level = severity === 'PANIC' ? 'error' : severity === 'WARNING' ? 'warn' : 'info';
    this.record(level, 'postgres', line);
    if (level === 'error') this.show(level, 'postgres', line);
  }

  private record(level: Level, app: string, msg: string): void {
    this.file.write(JSON.stringify({ level, time: this.now().toISOString(), app, msg: scrub(msg) }));
  }

  private show(level: string, role: string, message: string): void {
    const time = this.now().toTimeString().slice(0, 8);
    this.out(`${time} ${level.toUpperCase()} ${role}: ${message}\n`);
  }
}

interface ChildRecord {
  readonly level: string;
  readonly msg: string;
  readonly error?: { readonly message?: string };
}

function parseRecord(line: string): ChildRecord | null {
  if (!line.startsWith('{')) return null;
  try {
    const value = JSON.parse(line) as Partial<ChildRecord>;
    return typeof value.level === 'string' && typeof value.msg === 'string' ? (value as ChildRecord) : null;
  } catch {
    return null;
  }
}

function withReason({ msg, error }: ChildRecord): string {
  return error?.message === undefined || error.message === msg ? msg : `${msg}: ${error.message}`;
}
