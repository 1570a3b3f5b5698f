/**
 * Spans through the OpenTelemetry API. Without an SDK registered by the host no span is recorded. A message's span
 * belongs to its producer's trace: enqueue → process → the handler's own spans. Plans and runs have traces of their
 * own, joined by links, because a plan has many runs and a run many messages.
 */
import {
  type Attributes,
  type Context,
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { ClaimedMessage, Outcome, SettledMessage } from '../engine/message.ts';
import type { QueueName } from '../engine/work-queue.ts';
import { isMultiOutboxError } from '../errors.ts';
import { spanContextOf, type TraceHeaders, traceHeaders } from './trace-headers.ts';

/** Looked up each time, so that an SDK registered later is used. */
function tracer() {
  return trace.getTracer('multi-outbox');
}

/** Links to the spans that the headers name; headers without a trace context add none. */
export function linksTo(...headers: readonly TraceHeaders[]): Link[] {
  return headers.flatMap((one) => spanContextOf(one) ?? []).map((context) => ({ context }));
}

/** Runs the action in a span of its own, a child of the active one. */
export function inSpan<T>(
  name: string,
  options: { readonly attributes?: Attributes; readonly links?: Link[] },
  action: (span: Span) => Promise<T>,
): Promise<T> {
  return tracer().startActiveSpan(name, options, async (span) => {
    try {
      return await action(span);
    } catch (error) {
      failed(span, isMultiOutboxError(error) ? error.code : 'INTERNAL');
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Marks a span as failed, with a code only: an error's message may contain confidential text. */
export function failed(span: Span, code: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
  span.setAttribute('error.type', code);
}

/** The spans of one work queue's run. */
export class RunTrace {
  readonly #run: Span;
  readonly #context: Context;
  readonly #attributes: Attributes;
  readonly #correlationIds: boolean;
  /** By sequence: the span contexts of ended attempts that are not settled. */
  readonly #ended = new Map<number, SpanContext>();

  /** Undefined when no SDK records traces, so that messages then cost nothing. */
  static of(
    run: Span,
    tenantId: string,
    queue: QueueName,
    options: { readonly correlationIds: boolean },
  ): RunTrace | undefined {
    return trace.isSpanContextValid(run.spanContext())
      ? new RunTrace(run, tenantId, queue, options.correlationIds)
      : undefined;
  }

  private constructor(run: Span, tenantId: string, queue: QueueName, correlationIds: boolean) {
    this.#run = run;
    this.#correlationIds = correlationIds;
    this.#context = trace.setSpan(ROOT_CONTEXT, run);
    this.#attributes = {
      'messaging.system': 'multi_outbox',
      'messaging.destination.name': queue,
      'tenant.id': tenantId,
    };
  }

  /**
   * Starts the span of an attempt, in the producer's trace if the message's headers name one, otherwise in the run's.
   */
  attempt({ sequence, messageId, topic, attempt, correlationId, headers }: ClaimedMessage): AttemptTrace {
    const producer = spanContextOf(headers);
    const parent = producer ? trace.setSpanContext(ROOT_CONTEXT, producer) : this.#context;
    const span = tracer().startSpan(
      `process ${topic}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          ...this.#attributes,
          'messaging.operation.type': 'process',
          'messaging.message.id': messageId,
          ...(this.#correlationIds &&
            correlationId !== null && { 'messaging.message.conversation_id': correlationId }),
          'multi_outbox.topic': topic,
          'multi_outbox.attempt': attempt,
        },
        ...(producer && { links: [{ context: this.#run.spanContext() }] }),
      },
      parent,
    );
    return new AttemptTrace(span, parent, () => this.#ended.set(sequence, span.spanContext()));
  }

  /** Runs a call that settles outcomes, in a span with links to their attempts. */
  async settling<T>(outcomes: readonly SettledMessage[], call: () => Promise<T>): Promise<T> {
    const links: Link[] = [];
    for (const { sequence } of outcomes) {
      const ended = this.#ended.get(sequence);
      if (ended) links.push({ context: ended });
    }
    const attributes = {
      ...this.#attributes,
      'messaging.operation.type': 'settle',
      'messaging.batch.message_count': outcomes.length,
    };
    const options = { kind: SpanKind.CLIENT, attributes, links };
    const span = tracer().startSpan('settle', options, this.#context);
    try {
      const result = await context.with(trace.setSpan(this.#context, span), call);
      for (const { sequence } of outcomes) this.#ended.delete(sequence);
      return result;
    } catch (error) {
      failed(span, isMultiOutboxError(error) ? error.code : 'INTERNAL');
      throw error;
    } finally {
      span.end();
    }
  }
}

/** Whether an attempt with this outcome is shown as failed. */
const isFailure = { done: false, retry: true, dead: true, release: false } satisfies Record<
  Outcome['kind'],
  boolean
>;

/** The error of a failed attempt, as its span shows it. */
export interface AttemptFailure {
  readonly type: string;
  /** Absent unless the operator allows handlers' texts, which may quote a payload. */
  readonly text: string | undefined;
  readonly stack: string | null;
}

/** The span of one attempt. */
export class AttemptTrace {
  readonly #span: Span;
  readonly #context: Context;
  readonly #onEnd: () => void;

  constructor(span: Span, parent: Context, onEnd: () => void) {
    this.#span = span;
    this.#context = trace.setSpan(parent, span);
    this.#onEnd = onEnd;
  }

  /** The headers for the handler's own calls. */
  get headers(): TraceHeaders {
    return traceHeaders(this.#span);
  }

  /** Calls the handler, so that the spans it starts are children of this one. */
  call<T>(handler: () => T): T {
    return context.with(this.#context, handler);
  }

  /** @param isSettled whether the handler's transaction has settled the message; then no later call settles it */
  end(outcome: Outcome, isSettled: boolean, failure: AttemptFailure | undefined): void {
    const { kind } = outcome;
    this.#span.setAttribute('multi_outbox.outcome', kind);
    if (isFailure[kind]) failed(this.#span, kind);
    if (outcome.kind === 'retry') this.#span.setAttribute('multi_outbox.next_try_in_ms', outcome.delayMs);
    if (failure) {
      const { type, text, stack } = failure;
      this.#span.addEvent('exception', {
        'exception.type': type,
        ...(text !== undefined && { 'exception.message': text }),
        ...(stack !== null && { 'exception.stacktrace': stack }),
      });
    }
    this.#span.end();
    if (!isSettled) this.#onEnd();
  }
}
