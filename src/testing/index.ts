/** `multi-outbox/testing`: an outbox for an application's tests, with a clock that the test sets. */

import { optionsOf } from '../options.ts';
import type { Handler } from '../queue/handler.ts';
import { type HandlerOutcome, type RunHandlerOptions, runHandlerNames } from './run-handler.ts';
import { createTestOutbox, type TestOutboxOptions, testOutboxNames } from './test-outbox.ts';

export type { TestClock } from './clock.ts';
export type { FaultName, FaultOptions } from './faults.ts';
export {
  type MatcherContext,
  type MatcherResult,
  matchers,
  type OutboxMatchers,
  type WantedMessage,
} from './matchers.ts';
export type { HandlerOutcome, RunHandlerOptions } from './run-handler.ts';
export type { EnqueuedFilter, TestMessage } from './stored.ts';
export { createTestOutbox, type Drained, type TestOutbox, type TestOutboxOptions } from './test-outbox.ts';

const { handlers: _, strategy: __, ...ofOutbox } = testOutboxNames;
const names = { ...runHandlerNames, ...ofOutbox };

/**
 * Runs one handler for one message in a temporary test outbox. If the handler uses your tables, or the test checks
 * what it enqueued, use `TestOutbox.runHandler`.
 * @throws as `createTestOutbox` and `TestOutbox.runHandler`
 */
export async function runHandler(
  handler: Handler,
  payload: unknown,
  options: RunHandlerOptions & Omit<TestOutboxOptions, 'handlers' | 'strategy'> = {},
): Promise<HandlerOutcome> {
  const {
    tenantId,
    attempt,
    messageId,
    headers,
    correlationId,
    orderingKey,
    source,
    sourceMessageId,
    signal,
    ...rest
  } = optionsOf('runHandler', options, names);
  const ofMessage = {
    tenantId,
    attempt,
    messageId,
    headers,
    correlationId,
    orderingKey,
    source,
    sourceMessageId,
    signal,
  };
  const outbox = await createTestOutbox(rest);
  try {
    return await outbox.runHandler(handler, payload, ofMessage);
  } finally {
    await outbox.close();
  }
}
