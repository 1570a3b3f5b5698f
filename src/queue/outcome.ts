import type { ClaimedMessage, Outcome, SettledMessage } from '../engine/message.ts';
import { errorText, isError, propertyOf } from '../errors.ts';
import { backoffCeiling, backoffDelay, longestDelayMs, type RetryPolicy } from './retry.ts';

/** An outcome to settle, and whether a handler was started for its message. */
export type EndedMessage = SettledMessage & { readonly started: boolean };

/**
 * The outcome of a message whose handler threw (D3). The library's own errors are recognised by name, not by class,
 * because a handler may be bundled with its own copy of the library.
 */
export function outcomeOfError(
  thrown: unknown,
  attempt: number,
  policy: RetryPolicy,
  random: () => number = Math.random,
): Outcome {
  const wanted = outcomeWanted(thrown);
  if (wanted !== undefined) return wanted;
  const error = errorText(thrown);
  if (attempt >= policy.maxAttempts) return { kind: 'dead', error };
  const backoff = backoffDelay(attempt, policy, random);
  const after = isNamed(thrown, 'RetryAfter') ? (delayOf(thrown) ?? 0) : 0;
  return { kind: 'retry', delayMs: Math.max(backoff, after), error };
}

/**
 * The outcome of a message whose handler threw after the signal of a shutdown (D5). Most likely the handler only
 * obeyed the signal, so its attempt is not counted (Q5), as for a handler that ignored it.
 */
export function outcomeOfInterruption(thrown: unknown): Outcome {
  return outcomeWanted(thrown) ?? interrupted;
}

/** At a shutdown the message goes back to Ready and the attempt is not counted (Q5). */
export const interrupted: Outcome = {
  kind: 'release',
  delayMs: 0,
  error:
    'Interrupted: the dispatch run was stopped before the handler ended; a later run handles the message again.',
};

/** How long a parked message waits: the first delay doubles with every parking, up to the longest. Milliseconds. */
export type Parking = Pick<RetryPolicy, 'baseMs' | 'maxDelayMs'>;

/**
 * While a deployment replaces its hosts, an old host parks the messages of a topic that only new ones handle. Such a
 * message comes to a new host within about the time that the deployment has taken so far. An hour keeps a forgotten
 * topic from claiming batches.
 */
const defaultParking: Parking = { baseMs: 1_000, maxDelayMs: 3_600_000 };

/**
 * Milliseconds: the shortest time after which a snoozed message comes again. Otherwise one that always asks to come at
 * once would be claimed again before all other messages, and keep the run busy.
 */
const shortestSnoozeMs = 100;

/** A message whose topic has no handler is parked with a growing delay, or made Dead (D4). */
export function outcomeOfUnhandledTopic(
  message: ClaimedMessage,
  unhandledTopics: 'park' | 'dead',
  parking: Parking = defaultParking,
): Outcome {
  const { topic, source } = message;
  const error = `No handler is registered for topic '${topic}'${source === null ? '' : ` of source '${source}'`}; register one, or stop sending this topic.`;
  if (unhandledTopics === 'dead') return { kind: 'dead', error, unstarted: true };
  const delayMs = backoffCeiling(message.parks + 1, {
    ...parking,
    maxAttempts: Number.POSITIVE_INFINITY,
  });
  return { kind: 'release', delayMs, parked: true, error };
}

/**
 * A message whose attempts were used up by crashes, or by a lowered maximum, goes to Dead without another start (Q7).
 */
export function outcomeOfExhausted(message: ClaimedMessage, maxAttempts: number): Outcome {
  const reason = message.recovered
    ? 'and each time the process ended or lost its lease before the message was settled; find the cause, then replay the message'
    : 'so it is not started again; raise the maximum, then replay the message';
  return {
    kind: 'dead',
    unstarted: true,
    error: `The message was started ${message.attempt - 1} times (the maximum is ${maxAttempts}), ${reason}.`,
  };
}

/** A message whose row cannot be read goes to Dead, so that it does not stop the others (Q15). */
export function outcomeOfUnreadable(reason: string): Outcome {
  return {
    kind: 'dead',
    unstarted: true,
    error: `The row cannot be read: ${reason}. Correct it with SQL, then replay the message, or discard it.`,
  };
}

/** The outcome that the handler asked for with the error it threw. */
function outcomeWanted(thrown: unknown): Outcome | undefined {
  const error = errorText(thrown);
  if (isNamed(thrown, 'PermanentError')) return { kind: 'dead', error };
  const delayMs = isNamed(thrown, 'Snooze') ? delayOf(thrown) : undefined;
  if (delayMs === undefined) return undefined;
  return { kind: 'release', delayMs: Math.max(shortestSnoozeMs, delayMs), error };
}

function isNamed(thrown: unknown, name: string): thrown is Error {
  return isError(thrown) && propertyOf(thrown, 'name') === name;
}

/**
 * The whole milliseconds that a thrown error asks for; undefined when it has no usable delay. A foreign class may
 * have the same name, and a delay that no database can store would make the whole batch's settle fail.
 */
function delayOf(error: Error): number | undefined {
  const delayMs = propertyOf(error, 'delayMs');
  if (typeof delayMs !== 'number' || Number.isNaN(delayMs)) return undefined;
  return Math.round(Math.min(Math.max(0, delayMs), longestDelayMs));
}
