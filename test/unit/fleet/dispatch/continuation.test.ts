import { trace } from '@opentelemetry/api';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { continuation } from '../../../../src/fleet/dispatch/continuation.ts';

const provider = new NodeTracerProvider();
beforeAll(() => provider.register());
afterAll(() => provider.shutdown());

test('D3: the request that carries on is part of the trace of the run before it', () => {
  trace.getTracer('test').startActiveSpan('dispatch', (span) => {
    const { traceId, spanId } = span.spanContext();
    const request = continuation(
      { tenantId: 'acme', more: true },
      { idleStreak: 0, failureStreak: 0 },
      { woken: false, chosen: true, lastRunUtc: null, moved: false },
    );
    expect(request!.traceparent).toBe(`00-${traceId}-${spanId}-01`);
    span.end();
  });
});
