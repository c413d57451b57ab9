export { createLog, type AppLog, type LogFields, type LogOptions } from './logger.js';
export { NestLogger } from './nest-logger.js';
export { mergeMetrics, metricsOfChildren, processMetrics, type ProcessState } from './merge-metrics.js';
export { createMetrics, type Metrics } from './metrics.js';
export { REDACTED, scrub } from './redaction.js';
export * from './metrics-server.js';
export * from './tracing/index.js';
