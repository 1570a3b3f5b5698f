/** The W3C trace context that messages and dispatch requests carry, independent of the host's propagator. */
import { createTraceState, type Span, type SpanContext, trace } from '@opentelemetry/api';

export interface TraceHeaders {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

const noHeaders: TraceHeaders = Object.freeze({});

/** The headers of a span, by default the active one; empty when no span is active. */
export function traceHeaders(span: Span | undefined = trace.getActiveSpan()): TraceHeaders {
  const context = span?.spanContext();
  if (context === undefined || !trace.isSpanContextValid(context)) return noHeaders;
  const { traceId, spanId, traceFlags, traceState } = context;
  const traceparent = `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;
  const tracestate = traceState?.serialize();
  return tracestate ? { traceparent, tracestate } : { traceparent };
}

/** The span context that the headers name; undefined when they name none. */
export function spanContextOf({ traceparent, tracestate }: TraceHeaders): SpanContext | undefined {
  const [, version, traceId, spanId, flags] =
    /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?$/.exec(traceparent ?? '') ?? [];
  if (version === undefined || version === 'ff') return undefined;
  const context: SpanContext = {
    traceId: traceId!,
    spanId: spanId!,
    traceFlags: Number.parseInt(flags!, 16),
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  };
  return trace.isSpanContextValid(context) ? context : undefined;
}
