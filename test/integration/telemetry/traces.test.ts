/** Traces as a real SDK records them, in memory. */
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { defineHandler, type HandlerContext, PermanentError } from '../../../src/queue/handler.ts';
import { idleSpansDropped, markIdle } from '../../../src/telemetry/idle-spans.ts';
import { FleetPlace } from '../../support/fleet-place.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
beforeAll(() => provider.register());
afterEach(() => exporter.reset());
afterAll(() => provider.shutdown());

const place = new FleetPlace();
const application = trace.getTracer('application');
const spans = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
const only = (name: string): ReadableSpan => {
  expect(spans(name)).toHaveLength(1);
  return spans(name)[0]!;
};
const idOf = (span: ReadableSpan) => span.spanContext().spanId;
const traceOf = (span: ReadableSpan) => span.spanContext().traceId;
const linked = (span: ReadableSpan) => span.links.map(({ context }) => context.spanId);

test('a message’s trace is its producer’s, from enqueue through its handler; links lead to plan, run and settle', async () => {
  let given: HandlerContext['trace'] = {};
  const handler = defineHandler({
    topic: 'orders',
    async handle(_message, context) {
      given = context.trace;
      await Promise.resolve();
      application.startSpan('work').end();
    },
  });
  const face = await place.fleet(['acme'], { handlers: [handler], telemetry: { correlationIds: true } });
  const messageId = await application.startActiveSpan('request', async (span) => {
    const enqueued = await face
      .outbox('acme')
      .enqueue({ topic: 'orders', payload: 'x', correlationId: 'c-1' });
    span.end();
    return enqueued.messageId;
  });
  const { runs } = await face.tick();

  const request = only('request');
  const process = only('process orders');
  expect([traceOf(process), process.parentSpanContext?.spanId]).toEqual([traceOf(request), idOf(request)]);
  expect(process.kind).toBe(SpanKind.CONSUMER);
  expect(process.status.code).toBe(SpanStatusCode.UNSET);
  expect(process.attributes).toMatchObject({
    'tenant.id': 'acme',
    'messaging.destination.name': 'outbox',
    'messaging.message.id': messageId,
    'messaging.message.conversation_id': 'c-1',
    'multi_outbox.attempt': 1,
    'multi_outbox.outcome': 'done',
  });
  const work = only('work');
  expect([traceOf(work), work.parentSpanContext?.spanId]).toEqual([traceOf(request), idOf(process)]);
  expect(given).toEqual({ traceparent: `00-${traceOf(process)}-${idOf(process)}-01` });

  const plan = only('plan');
  expect(plan.attributes).toEqual({ status: 'planned', due: 1, requests: 1 });
  const dispatch = only('dispatch');
  expect(linked(dispatch)).toEqual([idOf(plan)]);
  expect(dispatch.status.code).toBe(SpanStatusCode.UNSET);
  expect(dispatch.attributes).toMatchObject({
    'tenant.id': 'acme',
    'run.id': runs[0]!.runId,
    outcome: 'dispatched',
    done: 1,
  });
  expect(linked(process)).toEqual([idOf(dispatch)]);
  const settle = only('settle');
  expect([traceOf(settle), settle.parentSpanContext?.spanId]).toEqual([traceOf(dispatch), idOf(dispatch)]);
  expect(linked(settle)).toEqual([idOf(process)]);
});

test('a log line has the trace that it belongs to: a handler’s the message’s, a run’s its own', async () => {
  const logger = recordingLogger();
  const handler = defineHandler({
    topic: 'orders',
    async handle(_message, context) {
      await Promise.resolve();
      context.logger.info('Handled.');
    },
  });
  const face = await place.fleet(['acme'], { handlers: [handler], logger });
  await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x' });
  await face.tick();
  const field = (span: ReadableSpan) => `00-${traceOf(span)}-${idOf(span)}-01`;
  const traced = (text: string) => logger.lines.find(({ message }) => message === text)!.fields.traceparent;
  expect(traced('Handled.')).toBe(field(only('process orders')));
  expect(traced('Dispatch run ended.')).toBe(field(only('dispatch')));
  await face.close();
});

test('correlation ids, which may identify a person, are not exported unless a setting says so', async () => {
  const face = await place.fleet(['acme'], { handlers: [defineHandler({ topic: 'orders', handle() {} })] });
  await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x', correlationId: 'ann@example.com' });
  await face.tick();
  expect(only('process orders').attributes).not.toHaveProperty('messaging.message.conversation_id');
  const attributes = exporter.getFinishedSpans().map((span) => span.attributes);
  expect(JSON.stringify(attributes)).not.toContain('ann@example.com');
});

test('one enqueue of many messages is one producer of many attempts', async () => {
  const face = await place.fleet(['acme'], { handlers: [defineHandler({ topic: 'orders', handle() {} })] });
  await application.startActiveSpan('request', async (span) => {
    await face.outbox('acme').enqueue(Array.from({ length: 3 }, () => ({ topic: 'orders', payload: 'x' })));
    span.end();
  });
  await face.tick();
  const attempts = spans('process orders');
  expect(attempts.map((span) => span.parentSpanContext?.spanId)).toEqual(
    Array(3).fill(idOf(only('request'))),
  );
  expect(linked(only('settle')).sort()).toEqual(attempts.map(idOf).sort());
});

test('trace headers that the caller gave are kept; a message without them is traced with its run', async () => {
  const seen: HandlerContext['trace'][] = [];
  const handler = defineHandler({
    topic: 'orders',
    handle(message) {
      seen.push(message.headers);
    },
  });
  const face = await place.fleet(['acme'], { handlers: [handler] });
  const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
  await application.startActiveSpan('request', async (span) => {
    await face.outbox('acme').enqueue({ topic: 'orders', payload: '1', headers: { traceparent } });
    span.end();
  });
  await face.outbox('acme').enqueue([
    { topic: 'orders', payload: '2' },
    { topic: 'orders', payload: '3', headers: { traceparent: 'not one' } },
  ]);
  await face.tick();
  expect(seen).toEqual([{ traceparent }, {}, { traceparent: 'not one' }]);
  const [first, ...others] = spans('process orders');
  expect(traceOf(first!)).toBe('ab'.repeat(16));
  const dispatch = only('dispatch');
  for (const other of others) {
    expect([traceOf(other), other.parentSpanContext?.spanId]).toEqual([traceOf(dispatch), idOf(dispatch)]);
    expect(linked(other)).toEqual([]);
  }
});

test('a failed attempt is marked as such, without the text of its error', async () => {
  const handler = defineHandler({
    topic: 'orders',
    handle() {
      throw new PermanentError('card 4711 was refused');
    },
  });
  const face = await place.fleet(['acme'], { handlers: [handler] });
  await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x' });
  await face.tick();
  const attempt = only('process orders');
  expect(attempt.status).toEqual({ code: SpanStatusCode.ERROR, message: 'dead' });
  expect(attempt.attributes['multi_outbox.outcome']).toBe('dead');
  expect(JSON.stringify([attempt.attributes, attempt.events, attempt.status])).not.toContain('4711');
});

test('S1: the span of a failed attempt has its error’s name, stack and next try; the text only when the operator allows it', async () => {
  for (const handlerErrorText of [false, true]) {
    exporter.reset();
    const handler = defineHandler({
      topic: 'orders',
      handle() {
        throw Object.assign(new TypeError('card 4711 was refused'), { code: 'E_CARD' });
      },
    });
    const face = await place.fleet(['acme'], {
      handlers: [handler],
      retry: { baseMs: '1h' },
      telemetry: { handlerErrorText },
    });
    await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x' });
    await face.tick();
    const { attributes, events } = only('process orders');
    expect(attributes['multi_outbox.next_try_in_ms']).toEqual(expect.any(Number));
    expect(events).toMatchObject([
      {
        name: 'exception',
        attributes: {
          'exception.type': 'TypeError (E_CARD)',
          'exception.stacktrace': expect.stringMatching(/^at .*traces\.test/),
          ...(handlerErrorText && { 'exception.message': 'card 4711 was refused' }),
        },
      },
    ]);
    expect(JSON.stringify(events).includes('4711')).toBe(handlerErrorText);
    await place.clear();
  }
});

test('D5: a run that carries on with a backlog links to the one before it', async () => {
  const handler = defineHandler({
    topic: 'orders',
    handle: () => new Promise((resolve) => setTimeout(resolve, 20)),
  });
  const face = await place.fleet(['acme'], {
    handlers: [handler],
    dispatch: { batchSize: 1, concurrency: 1, timeBudgetMs: 1 },
  });
  await face.outbox('acme').enqueue(Array.from({ length: 2 }, () => ({ topic: 'orders', payload: 'x' })));
  const { continuation } = await face.dispatch({ tenantId: 'acme' }, { continues: true });
  await face.dispatch(continuation!);
  const [first, second] = spans('dispatch');
  expect(linked(second!)).toEqual([idOf(first!)]);
});

test('D8: a run that fails is marked so, by its code', async () => {
  const face = await place.fleet([], { handlers: [defineHandler({ topic: 'orders', handle() {} })] });
  await face.tenants.add({ id: 'acme' });
  await face.tick();
  const { status, attributes } = only('dispatch');
  expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'DATABASE_MISSING' });
  expect(attributes).toMatchObject({ outcome: 'failed', 'error.type': 'DATABASE_MISSING' });
});

test('D7: idle runs, and plans of routine looks, are marked, and the export leaves their spans out', async () => {
  const kept = new InMemorySpanExporter();
  const exporting = new NodeTracerProvider({
    spanProcessors: [idleSpansDropped, new BatchSpanProcessor(kept)],
  });
  const face = await place.fleet(['acme'], { handlers: [defineHandler({ topic: 'orders', handle() {} })] });
  await face.tick();
  const [plan, dispatch] = [only('plan'), only('dispatch')];
  expect([plan.attributes, dispatch.attributes]).toMatchObject([
    { requests: 1, 'multi_outbox.idle': true },
    { outcome: 'idle', 'multi_outbox.idle': true },
  ]);
  exporter.reset();
  await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x' });
  await face.tick();
  for (const name of ['plan', 'dispatch', 'settle', 'process orders']) {
    expect(only(name).attributes).not.toHaveProperty(['multi_outbox.idle']);
  }
  const tracer = exporting.getTracer('test');
  for (const name of ['idle', 'busy']) {
    const span = tracer.startSpan(name);
    if (name === 'idle') markIdle(span);
    span.end();
  }
  await exporting.forceFlush();
  expect(kept.getFinishedSpans().map(({ name }) => name)).toEqual(['busy']);
  await exporting.shutdown();
});
