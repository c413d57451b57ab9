import type { AppLog } from '../logger.js';

/** Something that has ended, as a span of OpenTelemetry. Names and attributes hold no secrets, paths or login names. */
export interface FinishedSpan {
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'consumer';
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Of a small set, for the span's `error.type`; absent where it went well. */
  readonly error?: string | undefined;
  /** A trace of its own where absent. */
  readonly place?: SpanPlace | undefined;
}

/**
 * Where a span stands. The trace of a transfer has the transfer's id as its trace id, so that whoever meets that id in
 * an event or in a webhook goes on in the same trace, and no message has to carry a context.
 */
export type SpanPlace =
  | { readonly rootOf: string }
  | { readonly within: string }
  /** What a caller sent, valid or not. */
  | { readonly traceparent: string | undefined };

/** Takes spans and returns at once; whether anybody fetches them is no matter of the caller's. */
export interface Traces {
  record(span: FinishedSpan): void;
  /** Hands out what waits, within a short deadline; never rejects. */
  close(): Promise<void>;
}

export interface TraceSettings {
  /** Base address of an OTLP collector over HTTP; spans go to `/v1/traces` below it. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Part of the traces that is recorded, 0 to 1. */
  readonly ratio: number;
}

export interface TraceSource {
  /** `service.name`. */
  readonly service: string;
  /** `service.instance.id`: which process of the service. */
  readonly instance: string;
  readonly log: Pick<AppLog, 'info' | 'warn'>;
}

/** Null where no collector is set: the SDK is loaded only for one. */
export async function openTraces(settings: TraceSettings | null, source: TraceSource): Promise<Traces | null> {
  if (settings === null) return null;
  const { OtlpTraces } = await import('./otlp-traces.js');
  return OtlpTraces.to(settings, source);
}
