/** Where the queue reports trouble; `fields` never hold secrets. */
export interface QueueLog {
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}
