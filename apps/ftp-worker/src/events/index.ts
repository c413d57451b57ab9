export * from './event-spool.js';
export * from './spool-drainer.js';
export * from './spool-journal.js';
export * from './spool-leftovers.js';
export * from './spool-recovery.js';
export type { EventSource } from './event-builder.js';
export type { SpoolLedgerEntry, SpoolPlace } from './spool-record.js';
