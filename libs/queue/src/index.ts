export * from './call-deadline.js';
export { packBatch } from './event-batch.js';
export * from './event-publisher.js';
export * from './event-queue.js';
export * from './event-worker.js';
export * from './queue-connection.js';
export * from './queue-log.js';
export * from './queue-migrations.js';
export * from './queue-names.js';
