import { randomUUID } from 'node:crypto';
import type { Outcome } from '../../../src/engine/message.ts';
import { Attempt } from '../../../src/queue/attempt.ts';
import type { Handler } from '../../../src/queue/handler.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { noTransactions } from '../../support/attempt.ts';

export interface AttemptOptions {
  readonly messageId?: string;
  readonly tenantId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds after which the signal fires. */
  readonly timeoutMs?: number;
  /** Called with the running attempt, to abort it. */
  readonly onStart?: (attempt: Attempt) => void;
}

/** Puts a payload through one attempt, the way a dispatch run does, and gives its outcome. */
export function attemptOnce(
  handler: Handler,
  payload: unknown,
  options: AttemptOptions = {},
): Promise<Outcome> {
  const { messageId = randomUUID(), tenantId = 'acme', headers = {}, timeoutMs = 20_000, onStart } = options;
  return new Promise((resolve) => {
    const attempt = new Attempt(
      {
        sequence: 1,
        messageId,
        topic: handler.topic,
        payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
        headers,
        correlationId: null,
        orderingKey: null,
        source: null,
        dedupKey: null,
        enqueuedUtc: new Date(),
        dueUtc: new Date(),
        attempt: 1,
        parks: 0,
        recovered: false,
      },
      handler,
      {
        tenant: { id: tenantId, tags: {} },
        queue: 'outbox',
        fence: 1,
        logger: silentLogger,
        // Without backoff, a delay in the outcome is the one that the handler itself asked for.
        retry: { maxAttempts: 5, baseMs: 0, maxDelayMs: 0 },
        timeoutMs,
        random: () => 0,
        transactions: noTransactions,
      },
      performance.now(),
      (_, outcome) => resolve(outcome),
    );
    attempt.start();
    onStart?.(attempt);
  });
}
