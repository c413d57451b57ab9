import { describe, expect, it } from '@jest/globals';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import { OtlpTraces } from './otlp-traces.js';
import { type FinishedSpan, openTraces } from './traces.js';

const TRANSFER = '01980000-1111-7222-8333-444455556666';
const TRACE = '01980000111172228333444455556666';
const ROOT = '8333444455556666';
const CALLERS = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' };

type ExportDone = Parameters<SpanExporter['export']>[1];
type ExportCode = Parameters<ExportDone>[0]['code'];
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the package of the enum is none that we depend on
const SUCCESS = 0 as ExportCode;
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the package of the enum is none that we depend on
const FAILED = 1 as ExportCode;

function aSpan(options: Partial<FinishedSpan> = {}): FinishedSpan {
  return {
    name: 'work',
    kind: 'internal',
    startMs: 1_800_000_000_000,
    endMs: 1_800_000_000_250,
    attributes: {},
    ...options,
  };
}

function aLog() {
  const lines: string[] = [];
  const note = (message: string, fields: object = {}): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  return { lines, info: note, warn: note };
}

/** Keeps what it was given also after it was shut down. */
class KeepingExporter extends InMemorySpanExporter {
  readonly kept: ReadableSpan[] = [];
  override export(...[spans, done]: Parameters<SpanExporter['export']>): void {
    this.kept.push(...spans);
    super.export(spans, done);
  }
}

async function exported(spans: readonly FinishedSpan[], ratio = 1): Promise<readonly ReadableSpan[]> {
  const exporter = new KeepingExporter();
  const traces = new OtlpTraces(exporter, { ratio }, { service: 'quayside-test', instance: 'here/0', log: aLog() });
  for (const span of spans) traces.record(span);
  await traces.close();
  return exporter.kept;
}

describe('OtlpTraces', () => {
  it('exports name, kind, times, attributes and whose span it is', async () => {
    const [span] = await exported([
      aSpan({ kind: 'server', attributes: { 'transfer.bytes': 7, 'transfer.reason': undefined } }),
    ]);
    expect(span).toMatchObject({ name: 'work', kind: SpanKind.SERVER, attributes: { 'transfer.bytes': 7 } });
    expect(span?.attributes).not.toHaveProperty('transfer.reason');
    expect([span?.startTime, span?.endTime]).toEqual([
      [1_800_000_000, 0],
      [1_800_000_000, 250_000_000],
    ]);
    expect(span?.resource.attributes).toMatchObject({
      'service.name': 'quayside-test',
      'service.instance.id': 'here/0',
    });
    expect(span?.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('marks what failed', async () => {
    const [span] = await exported([aSpan({ error: 'STALLED' })]);
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.attributes).toMatchObject({ 'error.type': 'STALLED' });
  });

  it('gives a transfer the trace of its id, and finds that trace again by the id alone', async () => {
    const [root, within, other] = await exported([
      aSpan({ place: { rootOf: TRANSFER } }),
      aSpan({ place: { within: TRANSFER } }),
      aSpan(),
    ]);
    expect(root?.spanContext()).toMatchObject({ traceId: TRACE, spanId: ROOT });
    expect(root?.parentSpanContext).toBeUndefined();
    expect(within?.spanContext().traceId).toBe(TRACE);
    expect(within?.parentSpanContext?.spanId).toBe(ROOT);
    expect(within?.spanContext().spanId).not.toBe(ROOT);
    expect(other?.spanContext().traceId).not.toBe(TRACE);
  });

  it('goes on in the trace of a caller, and begins its own where the header is none', async () => {
    const [inside, own, unrecorded] = await exported([
      aSpan({ place: { traceparent: `00-${CALLERS.trace}-${CALLERS.span}-01` } }),
      aSpan({ place: { traceparent: 'nonsense' } }),
      aSpan({ place: { traceparent: `00-${CALLERS.trace}-${CALLERS.span}-00` } }),
    ]);
    expect(inside?.spanContext().traceId).toBe(CALLERS.trace);
    expect(inside?.parentSpanContext?.spanId).toBe(CALLERS.span);
    expect(own?.parentSpanContext).toBeUndefined();
    expect(unrecorded).toBeUndefined();
  });

  it('takes a part of the traces, and the whole of each', async () => {
    const ids = Array.from({ length: 400 }, () => crypto.randomUUID());
    const spans = await exported(
      ids.flatMap((id) => [aSpan({ place: { rootOf: id } }), aSpan({ place: { within: id } })]),
      0.5,
    );
    const counts = new Map<string, number>();
    for (const span of spans) {
      const { traceId } = span.spanContext();
      counts.set(traceId, (counts.get(traceId) ?? 0) + 1);
    }
    // Of 400 tosses; beyond these bounds less than once in 10^9 runs.
    expect(counts.size).toBeGreaterThan(130);
    expect(counts.size).toBeLessThan(270);
    expect(new Set(counts.values())).toEqual(new Set([2]));
  });

  it('keeps a bounded number of spans for a collector that hangs, and ends all the same', async () => {
    let given = 0;
    const waiting: ExportDone[] = [];
    const hangs: SpanExporter = {
      export: (spans, done) => {
        given += spans.length;
        waiting.push(done);
      },
      shutdown: () => Promise.resolve(),
    };
    const traces = new OtlpTraces(hangs, { ratio: 1 }, { service: 's', instance: 'i', log: aLog() });
    for (let n = 0; n < 10_000; n++) traces.record(aSpan());
    await traces.close();
    for (const done of waiting) done({ code: SUCCESS });
    expect(given).toBeLessThanOrEqual(512 + 2_048);
  });

  it('says once that the collector takes nothing, without what it answered', async () => {
    const log = aLog();
    const fails: SpanExporter = {
      export: (_spans, done) => done({ code: FAILED, error: new Error('token=hunter2 refused') }),
      shutdown: () => Promise.resolve(),
    };
    const traces = new OtlpTraces(fails, { ratio: 1 }, { service: 's', instance: 'i', log });
    for (let n = 0; n < 1_500; n++) traces.record(aSpan());
    await traces.close();
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toContain('the collector takes no traces');
    expect(log.lines[0]).not.toContain('hunter2');
  });
});

describe('openTraces', () => {
  it('is nothing where no collector is set', async () => {
    expect(await openTraces(null, { service: 's', instance: 'i', log: aLog() })).toBeNull();
  });
});
