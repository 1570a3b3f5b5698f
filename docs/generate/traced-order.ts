/**
 * One order on its way through a real system, as an OpenTelemetry SDK records it: a shop takes it in an HTTP request and enqueues a
 * message, a plan and a dispatch run follow, and the handler sends a request to a mail service, which continues the trace.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { createMultiOutbox, defineHandler } from '../../src/index.ts';

export interface PictureSpan {
  readonly name: string;
  /** Whose code began the span. */
  readonly by: string;
  readonly kind: string;
  /** The names of the parent and of the spans that it links to. */
  readonly parent: string | undefined;
  readonly links: readonly string[];
  /** The number of its trace; the first span's is 0. */
  readonly trace: number;
  readonly startMs: number;
  readonly durationMs: number;
}

async function listen(listener: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** What an HTTP server's instrumentation does: a span for each request, in the trace that the request names. */
const traced =
  (service: string, handle: RequestListener): RequestListener =>
  (request, response) => {
    const caller = propagation.extract(context.active(), request.headers);
    const name = `${request.method} ${request.url}`;
    trace.getTracer(service).startActiveSpan(name, { kind: SpanKind.SERVER }, caller, (span) => {
      response.once('finish', () => span.end());
      handle(request, response);
    });
  };

/** What an HTTP client's instrumentation does: a span for the request, whose context goes with it. */
function send(url: string): Promise<void> {
  return trace.getTracer('shop').startActiveSpan('send mail', { kind: SpanKind.CLIENT }, async (span) => {
    const headers: Record<string, string> = {};
    propagation.inject(context.active(), headers);
    await (await fetch(url, { method: 'POST', headers })).text();
    span.end();
  });
}

const ms = ([seconds, nanoseconds]: readonly [number, number]) => seconds * 1e3 + nanoseconds / 1e6;

function pictured(spans: readonly ReadableSpan[]): PictureSpan[] {
  const names = new Map(spans.map((span) => [span.spanContext().spanId, span.name]));
  if (new Set(names.values()).size !== spans.length) throw new Error('Two spans have the same name.');
  const first = Math.min(...spans.map(({ startTime }) => ms(startTime)));
  const byStart = [...spans].sort((a, b) => ms(a.startTime) - ms(b.startTime));
  const traces = [...new Set(byStart.map((span) => span.spanContext().traceId))];
  return byStart.map((span) => ({
    name: span.name,
    by: span.instrumentationScope.name,
    kind: SpanKind[span.kind]!,
    parent: span.parentSpanContext && names.get(span.parentSpanContext.spanId),
    links: span.links.map(({ context: { spanId } }) => names.get(spanId)!),
    trace: traces.indexOf(span.spanContext().traceId),
    startMs: ms(span.startTime) - first,
    durationMs: ms(span.duration),
  }));
}

/** Places an order, and returns its spans in the order in which they began. No other SDK may be registered meanwhile. */
export async function tracedOrder(): Promise<PictureSpan[]> {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register();
  const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-trace-'));
  const mails = await listen(traced('mail service', (_, response) => response.end()));
  const multiOutbox = createMultiOutbox({
    tenants: [{ id: 'acme', database: path.join(folder, 'acme.db') }],
    handlers: [defineHandler({ topic: 'order.placed', handle: () => send(`${mails.url}/mails`) })],
  });
  const shop = await listen(
    traced('shop', async (_, response) => {
      await multiOutbox.outbox('acme').enqueue({ topic: 'order.placed', payload: 'order-1' });
      response.writeHead(202).end();
    }),
  );
  try {
    await multiOutbox.migrate();
    // The first order warms everything up, so that the times of the second are typical.
    for (let order = 0; order < 2; order++) {
      exporter.reset();
      await (await fetch(`${shop.url}/orders`, { method: 'POST' })).text();
      await multiOutbox.tick();
    }
    await provider.forceFlush();
    return pictured(exporter.getFinishedSpans());
  } finally {
    for (const { server } of [shop, mails]) server.close().closeAllConnections();
    await multiOutbox.close();
    rmSync(folder, { recursive: true, force: true });
    await provider.shutdown();
    for (const api of [trace, context, propagation]) api.disable();
  }
}
