import { type DeadMessage, noListeners, RunFailures } from '../../../src/queue/failures.ts';
import { defineHandler } from '../../../src/queue/handler.ts';
import { TopicResults } from '../../../src/queue/topic-results.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { claimed } from '../../support/claimed.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

test('S1, Q8: a message is told to be Dead when the engine has confirmed it, once, and not if another run has it', () => {
  const told: DeadMessage[] = [];
  const failures = new RunFailures({
    tenantId: 'acme',
    queue: 'outbox',
    logger: silentLogger,
    logsHandlerText: false,
    results: new TopicResults(),
    listeners: { ...noListeners, onDeadMessage: (dead) => told.push(dead) },
  });
  const [dead, lost] = [claimed({ attempt: 3 }), claimed()];
  for (const message of [dead, lost]) failures.refused(message, 'used up', { topic: 'orders' });
  expect(told).toEqual([]);
  const outcomes = [dead, lost].map(({ sequence, messageId }) => ({
    sequence,
    messageId,
    kind: 'dead' as const,
    error: 'used up',
    started: false,
  }));
  failures.settled(outcomes, [lost.sequence]);
  failures.settled(outcomes, []);
  expect(told).toEqual([
    {
      tenantId: 'acme',
      queue: 'outbox',
      messageId: dead.messageId,
      topic: 'orders',
      attempts: 2,
      reason: 'used up',
    },
  ]);
});

test('D7: the bound of the log is asked by what a failure is and by its topic, and its answer is heeded', () => {
  const asked: unknown[] = [];
  const logger = recordingLogger();
  const allows = (name: string, { topic }: { readonly topic: string }) => {
    asked.push([name, topic]);
    return false;
  };
  const failures = new RunFailures({
    tenantId: 'acme',
    queue: 'outbox',
    logger,
    logsHandlerText: true,
    results: new TopicResults(),
    listeners: { ...noListeners, limit: { allows } },
  });
  const handler = defineHandler({ topic: 'orders', handle() {} });
  const attempt = { message: claimed(), handler, thrown: { error: new Error('no') } };
  failures.attemptFailed(
    attempt as never,
    { kind: 'retry', error: 'no', delayMs: 10, started: true } as never,
  );
  failures.attemptFailed(attempt as never, { kind: 'dead', error: 'no', started: true } as never);
  failures.refused(claimed(), 'used up', { topic: 'orders' });
  failures.refused(claimed(), 'used up', undefined);
  expect(asked).toEqual([
    ['retried', 'orders'],
    ['dead', 'orders'],
    ['dead', 'orders'],
    ['dead', '(no handler)'],
  ]);
  expect(logger.lines).toEqual([]);
});
