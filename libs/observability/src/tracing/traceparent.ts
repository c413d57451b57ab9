import type { SpanContext } from '@opentelemetry/api';

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** W3C Trace Context §3.2: what the caller's header says; null where it is to be ignored. */
export function parseTraceparent(header: string | undefined): SpanContext | null {
  const match = TRACEPARENT.exec(header ?? '');
  if (match === null) return null;
  const [, version, traceId = '', spanId = '', flags = '', more] = match;
  // Later versions may add fields at the end; this one has none, and ff is forbidden.
  if (version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1 };
}
