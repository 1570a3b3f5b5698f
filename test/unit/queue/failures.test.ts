import { type DeadMessage, noListeners, RunFailures } from '../../../src/queue/failures.ts';
import { TopicResults } from '../../../src/queue/topic-results.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { claimed } from '../../support/claimed.ts';

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
