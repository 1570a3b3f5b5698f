/** Matchers for `expect.extend`, of Jest and of Vitest. */
import type { QueueName } from '../engine/work-queue.ts';
import { MultiOutboxError, shownValue } from '../errors.ts';
import { isPlainObject } from '../plain-object.ts';
import type { EnqueuedFilter, TestMessage } from './stored.ts';

/** What a stored message must have. Values are compared as by `toMatchObject`, and may be `expect.any(…)` and the like. */
export interface WantedMessage {
  readonly topic?: unknown;
  readonly data?: unknown;
  readonly headers?: unknown;
  readonly [field: string]: unknown;
  /** The tenant to look in. Default: the first. */
  readonly tenantId?: string;
  /** The queue to look in. Default: 'outbox'. */
  readonly queue?: QueueName;
}

/** Add them to your runner's types: `interface Matchers<R> extends OutboxMatchers<R> {}`. */
export interface OutboxMatchers<Result = void> {
  /**
   * Whether the test outbox has stored such a message, settled ones included.
   * @param times how many such messages; default: at least one
   */
  toHaveEnqueued(wanted: WantedMessage, times?: number): Result;
}

/** The part of a runner's matcher context that is used. */
export interface MatcherContext {
  readonly isNot?: boolean;
  readonly customTesters?: unknown[];
  equals(a: unknown, b: unknown, testers?: unknown[]): boolean;
  readonly utils: {
    readonly iterableEquality: unknown;
    readonly subsetEquality: unknown;
    printExpected(value: unknown): string;
    printReceived(value: unknown): string;
  };
}

export interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

function toHaveEnqueued(
  this: MatcherContext,
  outbox: { enqueued(filter?: EnqueuedFilter): TestMessage[] },
  wanted: WantedMessage,
  times?: number,
): MatcherResult {
  if (typeof outbox?.enqueued !== 'function') throw misuse('expect a test outbox, of createTestOutbox');
  if (!isPlainObject(wanted)) throw misuse(`give the message's fields, such as { topic: 'order.placed' }`);
  if (times !== undefined && !(Number.isInteger(times) && times >= 0))
    throw misuse(`'times' is ${shownValue(times)}; it must be a whole number from 0 on`);
  const { tenantId, queue, ...fields } = wanted;
  const stored = outbox.enqueued({
    ...(tenantId !== undefined && { tenantId }),
    ...(queue !== undefined && { queue }),
  });
  const { iterableEquality, subsetEquality, printExpected, printReceived } = this.utils;
  const testers = [...(this.customTesters ?? []), iterableEquality, subsetEquality];
  const found = stored.filter((message) => this.equals(message, fields, testers));
  const many = (count: number) => (count === 1 ? '1 message' : `${count} messages`);
  return {
    pass: times === undefined ? found.length > 0 : found.length === times,
    message: () => {
      const asked = times === undefined ? (this.isNot ? 'no message' : 'a message') : many(times);
      const shown = stored.map(({ topic, data, status }) => ({ topic, data, status }));
      return [
        `expected the ${queue ?? 'outbox'} to have ${this.isNot && times !== undefined ? 'not ' : ''}${asked} like`,
        printExpected(fields),
        `${many(found.length)} of these ${stored.length} match:`,
        printReceived(shown),
      ].join('\n');
    },
  };
}

/** For `expect.extend(matchers)`. */
export const matchers = { toHaveEnqueued };

function misuse(problem: string): MultiOutboxError {
  return new MultiOutboxError('INVALID_ARGUMENT', `toHaveEnqueued: ${problem}.`);
}
