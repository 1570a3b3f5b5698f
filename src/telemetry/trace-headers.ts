/** W3C trace context, as it travels with messages and dispatch requests, whatever propagator the host has chosen. */
import { createTraceState, type Span, type SpanContext, trace } from '@opentelemetry/api';

export interface TraceHeaders {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

const noHeaders: TraceHeaders = Object.freeze({});

/** The headers of a span, the active one when absent; empty when there is none. */
export function traceHeaders(span: Span | undefined = trace.getActiveSpan()): TraceHeaders {
  const context = span?.spanContext();
  if (context === undefined || !trace.isSpanContextValid(context)) return noHeaders;
  const { traceId, spanId, traceFlags, traceState } = context;
  const traceparent = `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;
  const tracestate = traceState?.serialize();
  return tracestate ? { traceparent, tracestate } : { traceparent };
}

/** What the headers name; undefined when they name nothing. */
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
