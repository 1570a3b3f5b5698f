import { PermanentError, RetryAfter } from '../queue/handler.ts';
import { retryAfterMs } from './retry-after.ts';
import type { WebhookResponse } from './webhook-request.ts';

/** Request Timeout, Too Early and Too Many Requests: as after any 5xx, the same request may succeed later. */
const retriedStatuses = new Set([408, 425, 429]);

/**
 * Turns the receiver's answer into the attempt's outcome: returns for 2xx, throws otherwise. Errors show the status but
 * not the body, because the body can contain anything.
 */
export function settleResponse({ status, retryAfter, date }: WebhookResponse): void {
  if (status >= 200 && status <= 299) return;
  if (retriedStatuses.has(status) || status >= 500) {
    const delayMs = retryAfter === undefined ? null : retryAfterMs(retryAfter, date);
    if (delayMs === null || delayMs === 0)
      throw new Error(`The receiver answered ${status}; each retry of the message sends the request again.`);
    const seconds = Math.ceil(delayMs / 1_000);
    throw new RetryAfter(
      delayMs,
      `The receiver answered ${status} and asked to wait ${seconds} seconds; the next attempt comes no sooner.`,
    );
  }
  if (status === 410) {
    throw new PermanentError(
      'The receiver answered 410: the endpoint was removed permanently; stop sending to it.',
    );
  }
  throw new PermanentError(
    `The receiver refused the request with status ${status}, and would refuse it again; correct the message, and enqueue it again.`,
  );
}
