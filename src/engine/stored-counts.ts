/** What a run leaves behind in its queue (S2): counted by every engine within limits, and kept in the registry. */
import type { FleetSummary } from './fleet-summary.ts';
import { parsedObject, UnreadableValue } from './stored-values.ts';
import type { QueueState, ReportedState } from './tenant-report.ts';
import { countNames, type StoredCounts } from './work-queue.ts';

/** The most messages of a kind that a run counts, in an index that has only those. */
export const countLimit = 10_000;

/** The most topics of parked messages that a run names. */
export const mostParkedTopics = 20;

/** The counts of the indexes, each up to a limit. */
export interface IndexCounts {
  /** Ready messages that are neither blocked nor throttled, and those of them that are due. */
  readonly unblocked: number;
  readonly due: number;
  readonly throttled: number;
  /** Members of ordering groups that were looked at, and the blocked ones among them. */
  readonly members: number;
  readonly blocked: number;
  readonly dead: number;
  /** Milliseconds, negative if the next message is not due yet; null without one. */
  readonly oldestDueAgeMs: number | null;
  readonly parked: readonly { readonly topic: string; readonly count: number }[];
  readonly isEmpty: boolean;
}

/** @param memberLimit the most members of ordering groups that the engine looks at */
export function storedCounts(counts: IndexCounts, memberLimit: number): StoredCounts {
  const { unblocked, due, throttled, members, blocked, dead, oldestDueAgeMs, parked, isEmpty } = counts;
  const isLimited = {
    due: due >= countLimit || throttled >= countLimit,
    blocked: members >= memberLimit,
    dead: dead >= countLimit,
    parked:
      parked.reduce((sum, { count }) => sum + count, 0) >= countLimit || parked.length >= mostParkedTopics,
  };
  const ready = isLimited.due || isLimited.blocked || unblocked >= countLimit;
  return {
    ready: unblocked + throttled + blocked,
    due: due + throttled,
    blocked,
    dead,
    parked,
    oldestDueAgeMs: oldestDueAgeMs !== null && oldestDueAgeMs >= 0 ? oldestDueAgeMs : null,
    atLeast: countNames.filter((name) => (name === 'ready' ? ready : isLimited[name])),
    isEmpty,
  };
}

/** The stored form of a queue's state; null when the run did not report it. */
export function storedState(state: ReportedState | undefined): string | null {
  if (state === undefined) return null;
  const { ready, due, blocked, dead, parked, atLeast, isEmpty, oldestDueAgeMs, nextDueInMs } = state;
  // For the sums of the fleet.
  const parkedCount = parked.reduce((sum, { count }) => sum + count, 0);
  const counts = { ready, due, blocked, dead, parked, parkedCount, atLeast };
  return JSON.stringify({ ...counts, isEmpty, oldestDueAgeMs, nextDueInMs });
}

/** The sums of the states of many queues, in an engine's row. A column that ends in AtLeast is 1 if any of them was limited. */
export interface StoredSumsRow {
  readonly Ready: number;
  readonly DueMessages: number;
  readonly Blocked: number;
  readonly Dead: number;
  readonly Parked: number;
  readonly ReadyAtLeast: number;
  readonly DueAtLeast: number;
  readonly BlockedAtLeast: number;
  readonly DeadAtLeast: number;
  readonly ParkedAtLeast: number;
  /** Milliseconds; null if no queue had a due message. */
  readonly OutboxDueAgeMs: number | null;
  readonly InboxDueAgeMs: number | null;
  /** Milliseconds since the oldest count; null if no queue has been counted. */
  readonly OutboxCountAgeMs: number | null;
  readonly InboxCountAgeMs: number | null;
}

export function storedSums(row: StoredSumsRow): FleetSummary['stored'] {
  const longest = (...ages: readonly (number | null)[]) =>
    ages.reduce(
      (longest, age) => (longest === null || (age !== null && age > longest) ? age : longest),
      null,
    );
  const isAtLeast = {
    ready: row.ReadyAtLeast,
    due: row.DueAtLeast,
    blocked: row.BlockedAtLeast,
    dead: row.DeadAtLeast,
    parked: row.ParkedAtLeast,
  };
  return {
    ready: row.Ready,
    due: row.DueMessages,
    blocked: row.Blocked,
    dead: row.Dead,
    parked: row.Parked,
    atLeast: countNames.filter((name) => isAtLeast[name] === 1),
    oldestDueAgeMs: longest(row.OutboxDueAgeMs, row.InboxDueAgeMs),
    oldestCountMs: longest(row.OutboxCountAgeMs, row.InboxCountAgeMs),
  };
}

/**
 * Milliseconds by which a stored time may be ahead of the registry's clock, because another report was written meanwhile. A
 * later one was written before the clock was set back, and must not keep out new reports until the clock has come there.
 */
export const aheadMs = 60_000;

/** @throws UnreadableValue */
export function queueStateOf(column: string, stored: string, asOfUtc: Date): QueueState {
  const { ready, due, blocked, dead, parked, atLeast, isEmpty, oldestDueAgeMs, nextDueInMs } = parsedObject(
    column,
    stored,
  );
  const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
  const isReadable =
    [ready, due, blocked, dead].every(isCount) &&
    [oldestDueAgeMs, nextDueInMs].every((value) => value === null || isCount(value)) &&
    Array.isArray(parked) &&
    parked.every((each) => typeof each?.topic === 'string' && isCount(each.count)) &&
    Array.isArray(atLeast) &&
    atLeast.every((name) => typeof name === 'string') &&
    typeof isEmpty === 'boolean';
  if (!isReadable) throw new UnreadableValue(`${column} is not an object of counts`);
  const topics = (parked as QueueState['parked']).map(({ topic, count }) => Object.freeze({ topic, count }));
  const lists = { parked: Object.freeze(topics), atLeast: Object.freeze(atLeast) };
  return { ready, due, blocked, dead, ...lists, isEmpty, oldestDueAgeMs, nextDueInMs, asOfUtc } as QueueState;
}
