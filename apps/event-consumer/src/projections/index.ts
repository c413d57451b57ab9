import type { LoggedEvent } from '@quayside/database';
import type { ParsedEvent } from '@quayside/events';
import { transferRow } from './transfer-log.js';
import { usageIncrements } from './usage.js';

/** An event with everything that is derived from it. What the catalogue does not know is kept and derives nothing. */
export function project(parsed: ParsedEvent): LoggedEvent {
  if (!parsed.known) return { event: parsed.envelope };
  const { event } = parsed;
  return { event, transfer: transferRow(event), usage: usageIncrements(event) };
}
