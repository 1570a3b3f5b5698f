import { type HandledTopic, type QueueName, queueNames } from '../engine/work-queue.ts';
import { isList, MultiOutboxError, propertyOf } from '../errors.ts';
import { completeHandler, type Handler } from './handler.ts';

/**
 * The handlers of one work queue, found by topic, case-insensitively (D4). A handler for the message's source takes
 * precedence over a handler for all sources.
 */
export class HandlerSet implements Iterable<Handler> {
  readonly #byTopic = new Map<string, Handler>();
  readonly #bySource = new Map<string | null, Map<string, Handler>>();
  /** The last answer of `find`: messages of one topic often follow each other. */
  #last:
    | { readonly topic: string; readonly source: string | null; readonly handler: Handler | undefined }
    | undefined;

  /** @throws MultiOutboxError DUPLICATE_HANDLER that names both */
  constructor(handlers: readonly Handler[]) {
    handlers.forEach((handler, position) => {
      const byTopic = this.#handlersOf(handler.source);
      const key = handler.topic.toLowerCase();
      const other = byTopic.get(key);
      if (other) {
        const of = handler.source === undefined ? '' : ` of source '${handler.source}'`;
        throw new MultiOutboxError(
          'DUPLICATE_HANDLER',
          `Two handlers for one topic${of}: '${other.topic}' (handler ${handlers.indexOf(other) + 1}) and '${handler.topic}' ` +
            `(handler ${position + 1} of ${handlers.length}); topics are compared case-insensitively. Remove or rename one.`,
        );
      }
      byTopic.set(key, handler);
    });
  }

  find(topic: string, source: string | null): Handler | undefined {
    if (this.#last?.topic !== topic || this.#last.source !== source) {
      const key = topic.toLowerCase();
      this.#last = { topic, source, handler: this.#bySource.get(source)?.get(key) ?? this.#byTopic.get(key) };
    }
    return this.#last.handler;
  }

  /** What these handlers handle, for an engine. */
  get topics(): HandledTopic[] {
    return [...this].map(({ topic, source }) => ({ topic, ...(source !== undefined && { source }) }));
  }

  /**
   * The handlers with a concurrency below `concurrency`, and all others of their topics: a message belongs to the
   * handler of its source if there is one.
   */
  limitedBelow(concurrency: number): Handler[] {
    const isLimited = (handler: Handler) => (handler.concurrency ?? concurrency) < concurrency;
    const topics = new Set([...this].filter(isLimited).map(({ topic }) => topic.toLowerCase()));
    return [...this].filter(({ topic }) => topics.has(topic.toLowerCase()));
  }

  /** The fewest attempts that a message gets; `otherwise` for a handler without a maximum of its own. */
  fewestAttempts(otherwise: number): number {
    return Math.min(...[...this].map(({ retry }) => retry.maxAttempts ?? otherwise));
  }

  *[Symbol.iterator](): Iterator<Handler> {
    yield* this.#byTopic.values();
    for (const byTopic of this.#bySource.values()) yield* byTopic.values();
  }

  #handlersOf(source: string | undefined): Map<string, Handler> {
    if (source === undefined) return this.#byTopic;
    let known = this.#bySource.get(source);
    if (known === undefined) {
      known = new Map();
      this.#bySource.set(source, known);
    }
    return known;
  }
}

function isHandler(value: unknown): boolean {
  return (
    typeof propertyOf(value, 'handle') === 'function' &&
    typeof propertyOf(value, 'topic') === 'string' &&
    queueNames.includes(propertyOf(value, 'queue') as QueueName)
  );
}

/**
 * The handlers, each as `defineHandler` or `defineInboxHandler` completes it.
 * @throws MultiOutboxError INVALID_CONFIGURATION, INVALID_ARGUMENT
 */
export function checkedHandlers(handlers: readonly Handler[]): Handler[] {
  const wrong = isList(handlers) ? handlers.findIndex((handler) => !isHandler(handler)) : undefined;
  if (wrong !== -1) {
    const what =
      wrong === undefined ? 'must be a list' : `has an item at index ${wrong} that is not a handler`;
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `'handlers' ${what}; make each handler with defineHandler or defineInboxHandler.`,
    );
  }
  return handlers.map(completeHandler);
}

/** The handlers of each work queue that has any (D1). @throws MultiOutboxError DUPLICATE_HANDLER */
export function handlerSets(handlers: readonly Handler[]): Map<QueueName, HandlerSet> {
  const sets = new Map<QueueName, HandlerSet>();
  for (const queue of queueNames) {
    const own = handlers.filter((handler) => handler.queue === queue);
    if (own.length > 0) sets.set(queue, new HandlerSet(own));
  }
  return sets;
}
