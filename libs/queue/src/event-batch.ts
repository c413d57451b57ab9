import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Envelope } from '@quayside/events';

/** What one job of the queue carries. */
export type EventBatch =
  | { readonly events: readonly Envelope[] }
  /** The JSON of the array of envelopes, deflated (RFC 1951), in base64. */
  | { readonly count: number; readonly deflated: string };

/** Below this, deflating costs more than it saves. */
const LEAST_DEFLATED = 5;
/** The events of a batch differ in little more than their ids: the fastest level makes a fifth of them. */
const LEVEL = 1;
/** A batch is bounded by what its events may hold; this only keeps a damaged job from filling the memory. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * PostgreSQL parses, stores, compresses and prints a job's data as jsonb, which for a full batch of plain events costs
 * more than all the rest of the queue; one short string costs next to nothing.
 */
export function packBatch(events: readonly Envelope[]): EventBatch {
  if (events.length < LEAST_DEFLATED) return { events };
  return {
    count: events.length,
    deflated: deflateRawSync(JSON.stringify(events), { level: LEVEL }).toString('base64'),
  };
}

/** The raw events of a job; throws where its data are damaged. */
export function unpackBatch(data: unknown): readonly unknown[] {
  const { events, deflated } = data as { readonly events?: unknown; readonly deflated?: unknown };
  if (Array.isArray(events)) return events;
  if (typeof deflated !== 'string') throw new Error('The job carries no events');
  const json = inflateRawSync(Buffer.from(deflated, 'base64'), { maxOutputLength: MOST_BYTES }).toString();
  const unpacked: unknown = JSON.parse(json);
  if (!Array.isArray(unpacked)) throw new Error('The job carries no list of events');
  return unpacked;
}
