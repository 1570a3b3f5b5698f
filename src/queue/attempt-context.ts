import type { ClaimedMessage } from '../engine/message.ts';
import type { QueueName } from '../engine/work-queue.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { HandlerContext } from './handler.ts';

/** The part of the handler's context that all attempts of one dispatch run share. */
export interface ContextSetting {
  readonly tenant: HandlerContext['tenant'];
  readonly queue: QueueName;
  readonly fence: number;
  readonly logger: Logger;
}

/** The part of an attempt that its context reads. */
interface OwnAttempt extends Pick<HandlerContext, 'signal' | 'transaction'> {
  readonly message: ClaimedMessage;
}

/**
 * The handler's context of one attempt. It is a class, not an object literal with a getter: V8 gives every such
 * literal a hidden class of its own, which cost a third of a run's processor time.
 */
export class AttemptContext implements HandlerContext {
  readonly tenant: HandlerContext['tenant'];
  readonly queue: QueueName;
  readonly attempt: number;
  readonly fence: number;
  readonly idempotencyKey: string;
  readonly logger: Logger;
  readonly trace: HandlerContext['trace'];
  readonly #attempt: OwnAttempt;

  /** @param trace the headers of the attempt's span; undefined when no traces are recorded */
  constructor(setting: ContextSetting, attempt: OwnAttempt, trace: HandlerContext['trace'] | undefined) {
    const { message } = attempt;
    this.tenant = setting.tenant;
    this.queue = setting.queue;
    this.attempt = message.attempt;
    this.fence = setting.fence;
    this.idempotencyKey = `${setting.tenant.id}:${message.messageId}`;
    this.logger = setting.logger;
    this.trace = trace ?? traceOf(message.headers);
    this.#attempt = attempt;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  /** This getter returns an arrow function, so that a handler can take it out of the context by destructuring. */
  get transaction(): HandlerContext['transaction'] {
    return (work) => this.#attempt.transaction(work);
  }
}

const noTrace: HandlerContext['trace'] = Object.freeze({});

/** The producer's trace context. A tracestate without a traceparent has no meaning. */
function traceOf({ traceparent, tracestate }: ClaimedMessage['headers']): HandlerContext['trace'] {
  if (traceparent === undefined) return noTrace;
  return { traceparent, ...(tracestate !== undefined && { tracestate }) };
}
