import type { ClaimedMessage, Outcome } from '../engine/work-queue.ts';
import { errorText } from '../errors.ts';
import type { PermanentError, RetryAfter, RetryLater } from './handler.ts';
import { backoffCeiling, backoffDelay, type RetryPolicy } from './retry.ts';

/**
 * What becomes of a message whose handler threw (D3). The library's own errors are told by name, not by class: a
 * handler bundled with a copy of the library means the same by them.
 */
export function outcomeOfError(
  thrown: unknown,
  attempt: number,
  policy: RetryPolicy,
  random: () => number = Math.random,
): Outcome {
  const error = errorText(thrown);
  if (isNamed<PermanentError>(thrown, 'PermanentError')) return { kind: 'dead', error };
  if (isNamed<RetryLater>(thrown, 'RetryLater')) return { kind: 'release', delayMs: thrown.delayMs, error };
  if (attempt >= policy.maxAttempts) return { kind: 'dead', error };
  const backoff = backoffDelay(attempt, policy, random);
  const delayMs = isNamed<RetryAfter>(thrown, 'RetryAfter') ? Math.max(backoff, thrown.delayMs) : backoff;
  return { kind: 'retry', delayMs, error };
}

/** A message whose topic has no handler is parked with a growing delay, or made Dead (D4). */
export function outcomeOfUnhandledTopic(
  message: ClaimedMessage,
  policy: { unhandledTopics: 'park' | 'dead'; parkBaseMs: number; parkMaxMs: number },
): Outcome {
  const error = `No handler is registered for topic '${message.topic}'.`;
  if (policy.unhandledTopics === 'dead') return { kind: 'dead', error, unstarted: true };
  const delayMs = backoffCeiling(message.parks + 1, {
    baseMs: policy.parkBaseMs,
    maxDelayMs: policy.parkMaxMs,
    maxAttempts: Number.POSITIVE_INFINITY,
  });
  return { kind: 'release', delayMs, parked: true, error };
}

/** A message that crashed run after run, or whose allowance shrank: it goes to Dead without being run (Q7). */
export function outcomeOfExhausted(message: ClaimedMessage, maxAttempts: number): Outcome {
  const reason = message.recovered
    ? 'each time the process ended or lost its lease before the message could be settled'
    : 'and more are not allowed';
  return {
    kind: 'dead',
    unstarted: true,
    error: `Started ${message.attempt - 1} times (at most ${maxAttempts}), ${reason}.`,
  };
}

function isNamed<E extends Error>(thrown: unknown, name: E['name']): thrown is E {
  return thrown instanceof Error && thrown.name === name;
}
