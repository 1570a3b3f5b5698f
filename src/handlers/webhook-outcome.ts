import { PermanentError, RetryAfter } from '../queue/handler.ts';
import { retryAfterMs } from './retry-after.ts';
import type { WebhookResponse } from './webhook-request.ts';

/** Timeouts, 'too early' and 'too many': the same request may succeed later, as with every 5xx. */
const retriedStatuses = new Set([408, 425, 429]);

/**
 * Turns the receiver's answer into the attempt's outcome: returns for 2xx, throws otherwise. Errors name the
 * status alone; the body is the receiver's and may hold anything.
 */
export function settleResponse({ status, retryAfter, date }: WebhookResponse): void {
  if (status >= 200 && status <= 299) return;
  if (retriedStatuses.has(status) || status >= 500) {
    const delayMs = retryAfter === undefined ? null : retryAfterMs(retryAfter, date);
    if (delayMs === null || delayMs === 0) throw new Error(`The receiver answered ${status}.`);
    const seconds = Math.ceil(delayMs / 1_000);
    throw new RetryAfter(delayMs, `The receiver answered ${status} and asks to wait ${seconds} seconds.`);
  }
  if (status === 410) {
    throw new PermanentError('The receiver answered 410: the endpoint is gone for good; stop sending to it.');
  }
  throw new PermanentError(
    `The receiver refused the request with ${status}; the same request would fail again.`,
  );
}
