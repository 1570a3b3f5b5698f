import { MultiOutboxError } from '../errors.ts';
import type { Handler } from './handler.ts';

/** The handlers of one work queue, found by topic without regard to case (D4). */
export class HandlerSet implements Iterable<Handler> {
  readonly #byTopic = new Map<string, Handler>();

  /** @throws MultiOutboxError DUPLICATE_HANDLER that names both */
  constructor(handlers: readonly Handler[]) {
    handlers.forEach((handler, position) => {
      const key = handler.topic.toLowerCase();
      const other = this.#byTopic.get(key);
      if (other) {
        throw new MultiOutboxError(
          'DUPLICATE_HANDLER',
          `Two handlers for one topic: '${other.topic}' (handler ${handlers.indexOf(other) + 1}) and '${handler.topic}' ` +
            `(handler ${position + 1} of ${handlers.length}); topics match without regard to case. Remove or rename one.`,
        );
      }
      this.#byTopic.set(key, handler);
    });
  }

  get size(): number {
    return this.#byTopic.size;
  }

  find(topic: string): Handler | undefined {
    return this.#byTopic.get(topic.toLowerCase());
  }

  [Symbol.iterator](): Iterator<Handler> {
    return this.#byTopic.values();
  }
}
