import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { ClaimedMessage, Outcome } from '../../src/engine/message.ts';
import { Attempt, type AttemptSetting } from '../../src/queue/attempt.ts';
import type { TransactionAccess } from '../../src/queue/attempt-transaction.ts';
import { defineHandler, type HandlerDefinition } from '../../src/queue/handler.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { claimed } from './claimed.ts';
import { deferred } from './deferred.ts';

/** Milliseconds: the timeout of a handler that has none of its own. */
export const sharedTimeoutMs = 1_000;

/** The database access of attempts that have no database. */
export const noTransactions: TransactionAccess = {
  transact: () => Promise.reject(new Error('there is no database')),
  enqueue: () => Promise.reject(new Error('there is no database')),
};

/** One attempt of a handler of topic 'orders', with its outcomes. The retry policy has no jitter. */
export function attempt(
  definition: Omit<HandlerDefinition<StandardSchemaV1 | undefined>, 'topic'>,
  fields: Partial<ClaimedMessage> = {},
  setting: Partial<AttemptSetting> = {},
) {
  const outcomes: Outcome[] = [];
  const ended = deferred<Outcome>();
  const handler = defineHandler({ topic: 'orders', ...definition } as HandlerDefinition);
  const started = new Attempt(
    claimed(fields),
    handler,
    {
      tenant: { id: 'acme', tags: { plan: 'gold' } },
      queue: 'outbox',
      fence: 7,
      logger: silentLogger,
      retry: { maxAttempts: 3, baseMs: 1_000, maxDelayMs: 8_000 },
      timeoutMs: sharedTimeoutMs,
      random: () => 0.5,
      transactions: noTransactions,
      ...setting,
    },
    performance.now(),
    (_, outcome) => {
      outcomes.push(outcome);
      ended.resolve(outcome);
    },
  );
  return { attempt: started, outcomes, ended: ended.promise };
}
