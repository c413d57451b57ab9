import { type Database, rebuildUsage } from '@quayside/database';
import { parseEvent } from '@quayside/events';
import { usageIncrements } from './usage.js';

/** Counts the usage of the open months again from the event log, by the same rules as the consumer; resolves to the events. */
export function rebuildUsageFromLog(database: Database, onProgress?: (events: number) => void): Promise<number> {
  return rebuildUsage(
    database,
    (event) => {
      const parsed = parseEvent(event);
      return parsed.known ? usageIncrements(parsed.event) : [];
    },
    onProgress,
  );
}
