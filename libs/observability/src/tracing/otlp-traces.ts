import {
  type Context,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  type IdGenerator,
  ParentBasedSampler,
  RandomIdGenerator,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { parseTraceparent } from './traceparent.js';
import type { FinishedSpan, SpanPlace, Traces, TraceSettings, TraceSource } from './traces.js';

/** Spans that wait for the collector; more are dropped. */
const QUEUE = 2_048;
const BATCH = 512;
const EVERY_MS = 2_000;
const EXPORT_DEADLINE_MS = 5_000;
/** At the end of the process. */
const FLUSH_DEADLINE_MS = 1_000;
/** Between two lines of the log about a collector that is away. */
const WARN_EVERY_MS = 600_000;

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  consumer: SpanKind.CONSUMER,
} as const;

type ExportDone = Parameters<SpanExporter['export']>[1];
type SpanIdentity = Pick<SpanContext, 'traceId' | 'spanId'>;

/** Spans to a collector, in batches and from a bounded queue. Loaded only where a collector is set. */
export class OtlpTraces implements Traces {
  private readonly ids = new SpanIds();
  private readonly ratio: TraceIdRatioBasedSampler;
  private readonly provider: TracerProvider;
  private readonly tracer: Tracer;

  constructor(exporter: SpanExporter, { ratio }: Pick<TraceSettings, 'ratio'>, source: TraceSource) {
    this.ratio = new TraceIdRatioBasedSampler(ratio);
    this.provider = new TracerProvider({
      resource: resourceFromAttributes({
        'service.name': source.service,
        'service.namespace': 'quayside',
        'service.instance.id': source.instance,
      }),
      sampler: new ParentBasedSampler({ root: this.ratio }),
      idGenerator: this.ids,
      spanLimits: { attributeValueLengthLimit: 256 },
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new ReportingExporter(exporter, source.log),
          maxQueueSize: QUEUE,
          maxExportBatchSize: BATCH,
          scheduledDelayMillis: EVERY_MS,
          exportTimeoutMillis: EXPORT_DEADLINE_MS,
        }),
      ],
    });
    this.tracer = this.provider.getTracer('quayside');
  }

  static to(settings: TraceSettings, source: TraceSource): OtlpTraces {
    const exporter = new OTLPTraceExporter({
      url: `${settings.endpoint.replace(/\/+$/, '')}/v1/traces`,
      headers: { ...settings.headers },
      timeoutMillis: EXPORT_DEADLINE_MS,
    });
    return new OtlpTraces(exporter, settings, source);
  }

  record(finished: FinishedSpan): void {
    const { name, startMs, endMs, error, place } = finished;
    const attributes = error === undefined ? finished.attributes : { ...finished.attributes, 'error.type': error };
    const options = { kind: KINDS[finished.kind], startTime: startMs, attributes };
    this.ids.next = place !== undefined && 'rootOf' in place ? identityOf(place.rootOf) : null;
    const span = this.tracer.startSpan(name, options, this.parentOf(place));
    this.ids.next = null;
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(Math.max(startMs, endMs));
  }

  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_DEADLINE_MS);
    });
    // A collector that takes nothing has been reported by the exporter.
    await Promise.race([this.provider.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
  }

  private parentOf(place: SpanPlace | undefined): Context {
    if (place === undefined || 'rootOf' in place) return ROOT_CONTEXT;
    const parent = 'within' in place ? this.derived(place.within) : parseTraceparent(place.traceparent);
    return parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true });
  }

  /** Every process comes to the same decision about a trace, as it follows from the id. */
  private derived(id: string): SpanContext | null {
    const identity = identityOf(id);
    if (identity === null) return null;
    const { decision } = this.ratio.shouldSample(ROOT_CONTEXT, identity.traceId);
    const sampled = decision === SamplingDecision.RECORD_AND_SAMPLED;
    return { ...identity, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
  }
}

/** Trace id and root span id of a thing with a UUID: the whole, and its second half, which is random. */
function identityOf(uuid: string): SpanIdentity | null {
  const traceId = uuid.replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(traceId) ? { traceId, spanId: traceId.slice(16) } : null;
}

/** Random ids, except for the one span whose ids are known beforehand. */
class SpanIds implements IdGenerator {
  next: SpanIdentity | null = null;
  private readonly random = new RandomIdGenerator();

  readonly generateTraceId = (): string => this.next?.traceId ?? this.random.generateTraceId();
  readonly generateSpanId = (): string => this.next?.spanId ?? this.random.generateSpanId();
}

/** Says now and then that the collector takes nothing; neither its address nor its answer is told. */
class ReportingExporter implements SpanExporter {
  private lost = 0;
  private warnedAtMs = -Infinity;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly log: TraceSource['log'],
  ) {}

  export(spans: Parameters<SpanExporter['export']>[0], done: ExportDone): void {
    this.exporter.export(spans, (result) => {
      if (result.error === undefined) this.delivered();
      else this.failed(spans.length, result.error);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.exporter.forceFlush?.();
  }

  private delivered(): void {
    if (this.lost > 0) this.log.info('the collector takes traces again', { lostSpans: this.lost });
    this.lost = 0;
    this.warnedAtMs = -Infinity;
  }

  private failed(spans: number, error: Error & { readonly code?: unknown }): void {
    this.lost += spans;
    const nowMs = performance.now();
    if (nowMs - this.warnedAtMs < WARN_EVERY_MS) return;
    this.warnedAtMs = nowMs;
    this.log.warn('the collector takes no traces; they are dropped', {
      lostSpans: this.lost,
      cause: typeof error.code === 'string' || typeof error.code === 'number' ? error.code : error.name,
    });
  }
}
