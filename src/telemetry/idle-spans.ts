/**
 * Keeps the spans of idle runs, and of plans that requested only routine looks, out of the export. Most runs of a quiet
 * fleet are idle, and their spans would cost more than all other telemetry; the metrics count these runs and plans.
 */
import { type Span, TraceFlags } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';

const attribute = 'multi_outbox.idle';

/** Marks a span, so that a process with an OpenTelemetry SDK of its own can leave it out as well. */
export function markIdle(span: Span): void {
  span.setAttribute(attribute, true);
}

/** Must come before the processors that export: these pass over a span that is not sampled. */
export const idleSpansDropped: SpanProcessor = {
  onStart() {},
  onEnd(span) {
    if (span.attributes[attribute] === true) span.spanContext().traceFlags &= ~TraceFlags.SAMPLED;
  },
  forceFlush: async () => {},
  shutdown: async () => {},
};
