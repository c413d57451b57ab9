export {
  type FinishedSpan,
  openTraces,
  type SpanPlace,
  type Traces,
  type TraceSettings,
  type TraceSource,
} from './traces.js';
