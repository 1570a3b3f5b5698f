/** What a handler throws to say how its message goes on (D3). */
import { errorText, isError, MultiOutboxError, propertyOf, shownValue } from '../errors.ts';
import { type DurationInput, parseDuration } from '../settings.ts';

/** Throw it when no further attempt can succeed: the message goes to Dead with this error. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';

  constructor(message?: string, options?: ErrorOptions) {
    super(textOf(message), causeIn(options));
  }
}

/**
 * Throw it to get the message again after `delayMs`, and after a tenth of a second at the soonest; this attempt is not counted.
 * Messages that are due meanwhile come first.
 */
export class Snooze extends Error {
  override readonly name = 'Snooze';
  /** Milliseconds; a negative delay, as of a time that has passed, counts as the shortest one. */
  readonly delayMs: number;

  /** @param delay milliseconds, or text such as '5m' @throws MultiOutboxError INVALID_ARGUMENT */
  constructor(delay: DurationInput, reason = 'the handler asked to be called later') {
    super(textOf(reason));
    this.delayMs = delayOf('Snooze', delay);
  }
}

/**
 * A failure that states when to try again, such as an HTTP 429 with Retry-After. The attempt counts, as with any
 * other error, but the next attempt comes no sooner than after `delayMs`.
 */
export class RetryAfter extends Error {
  override readonly name = 'RetryAfter';
  /** Milliseconds, at least 0. */
  readonly delayMs: number;

  /** @param delay milliseconds, or text such as '5m' @throws MultiOutboxError INVALID_ARGUMENT */
  constructor(delay: DurationInput, message: string, options?: ErrorOptions) {
    super(textOf(message), causeIn(options));
    this.delayMs = Math.max(0, delayOf('RetryAfter', delay));
  }
}

/** Options that cannot be read have no cause. */
function causeIn(options: ErrorOptions | undefined): ErrorOptions | undefined {
  const cause = propertyOf(options, 'cause');
  return cause === undefined ? undefined : { cause };
}

/** A handler that throws must get the outcome that it names (D3), so a reason that is no text does not stand in its way. */
function textOf(reason: unknown): string | undefined {
  if (typeof reason === 'string' || reason === undefined) return reason;
  return isError(reason) ? errorText(reason) : shownValue(reason);
}

function delayOf(name: string, delay: DurationInput): number {
  if (typeof delay === 'number' && Number.isFinite(delay)) return delay;
  const delayMs = typeof delay === 'string' ? parseDuration(delay) : null;
  if (delayMs !== null) return delayMs;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `${name} needs a delay: milliseconds, or text such as '5m'; it got ${shownValue(delay)}.`,
  );
}
