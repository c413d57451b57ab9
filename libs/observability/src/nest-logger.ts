import type { LoggerService } from '@nestjs/common';
import type { AppLog, LogFields } from './logger.js';

/** Lets Nest write into the one log. Nest passes its context as the last argument and a stack before it. */
export class NestLogger implements LoggerService {
  constructor(private readonly target: AppLog) {}

  log(message: unknown, ...rest: unknown[]): void {
    // Nest's own start-up lines (one per module and route) are of interest only to its developers.
    this.target.debug(text(message), fieldsOf(message, rest));
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.target.error(text(message), fieldsOf(message, rest));
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.target.warn(text(message), fieldsOf(message, rest));
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.target.debug(text(message), fieldsOf(message, rest));
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.target.trace(text(message), fieldsOf(message, rest));
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.target.fatal(text(message), fieldsOf(message, rest));
  }
}

function text(message: unknown): string {
  if (message instanceof Error) return message.message;
  return typeof message === 'string' ? message : JSON.stringify(message);
}

function fieldsOf(message: unknown, rest: readonly unknown[]): LogFields {
  const fields: LogFields = {};
  if (message instanceof Error) fields['error'] = message;
  const context = rest.at(-1);
  if (typeof context === 'string') fields['context'] = context;
  for (const item of rest.slice(0, -1)) {
    if (typeof item === 'string') fields['stack'] = item;
    else if (item instanceof Error) fields['error'] = item;
  }
  return fields;
}
