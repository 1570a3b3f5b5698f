/** Formats a tenant's schedule for `status` and `tenants show`. */
import type { FleetSummary } from '../../engine/fleet-summary.ts';
import type { RunCounts, TenantRecord, TenantSchedule } from '../../engine/registry.ts';
import type { QueueState } from '../../engine/tenant-report.ts';
import { countNames } from '../../engine/work-queue.ts';
import { age, counted, duration, shorten } from './text.ts';

/** When a tenant is due: `now`, `in 5 s` or `on wake`; empty for a tenant that is not active. */
export function dueText({ status, schedule }: TenantRecord, now: number = Date.now()): string {
  if (status !== 'active') return '';
  if (schedule.nextDueUtc === null) return 'on wake';
  const inMs = schedule.nextDueUtc.getTime() - now;
  return inMs <= 0 ? 'now' : `in ${duration(inMs)}`;
}

export function streakText({ failureStreak, idleStreak }: TenantSchedule): string {
  if (failureStreak > 0) return `${failureStreak} failed`;
  return idleStreak > 0 ? `${idleStreak} idle` : '';
}

export function lastErrorText(schedule: TenantSchedule, characters = 2_000): string {
  const { lastError, lastErrorCode, lastErrorUtc } = schedule;
  if (lastError === null && lastErrorCode === null) return '';
  const when = lastErrorUtc === null ? '' : `${age(lastErrorUtc)} ago: `;
  return `${when}${[lastErrorCode, shorten(lastError ?? '', characters)].filter(Boolean).join(' ')}`;
}

/** `orders fails for 5 min (12 times): Error (ECONNREFUSED)`, one part for each topic. */
export function failingTopicsText(
  { failingTopics }: TenantSchedule,
  topics = 3,
  characters = 60,
  now: number = Date.now(),
): string {
  const shown = failingTopics.slice(0, topics).map(({ topic, source, sinceUtc, failures, error }) => {
    const times = failures === 1 ? 'once' : `${failures} times`;
    const from = source === null ? '' : ` from ${shorten(source, characters)}`;
    return `${shorten(topic, characters)}${from} fails for ${age(sinceUtc, now)} (${times}): ${shorten(error, characters)}`;
  });
  const more = failingTopics.length - shown.length;
  return [
    ...shown,
    ...(more > 0 ? [`${counted(more, 'more topic')} ${more === 1 ? 'fails' : 'fail'}`] : []),
  ].join('; ');
}

/** The Dead or parked messages of all queues; `10000+` if there are more than a run counts. Empty if no run has counted. */
export function storedText({ queues }: TenantSchedule, name: 'dead' | 'parked'): string {
  const states = Object.values(queues);
  if (states.length === 0) return '';
  const sum = states.reduce((total, state) => total + storedCount(state, name), 0);
  return `${sum}${states.some(({ atLeast }) => atLeast.includes(name)) ? '+' : ''}`;
}

function storedCount({ dead, parked }: QueueState, name: 'dead' | 'parked'): number {
  return name === 'dead' ? dead : parked.reduce((sum, { count }) => sum + count, 0);
}

/**
 * `12 ready, 7 due, 4 blocked, 10000+ dead, 0 parked; the oldest due for 3 min; counted up to 5 min ago`: what the fleet's queues
 * hold.
 */
export function fleetStoredText({
  atLeast,
  oldestDueAgeMs,
  oldestCountMs,
  ...counts
}: FleetSummary['stored']): string {
  const numbers = countNames.map((name) => `${counts[name]}${atLeast.includes(name) ? '+' : ''} ${name}`);
  return [
    numbers.join(', '),
    ...(oldestDueAgeMs === null ? [] : [`the oldest due for ${duration(oldestDueAgeMs)}`]),
    ...(oldestCountMs === null ? [] : [`counted up to ${duration(oldestCountMs)} ago`]),
  ].join('; ');
}

/** `12 ready (7 due, the oldest for 3 min; 4 blocked), 2 dead, parked: 4 orders; as of 5 s ago` */
export function queueStateText(state: QueueState | undefined, now: number = Date.now()): string {
  if (state === undefined) return '';
  const { ready, due, blocked, dead, parked, atLeast, oldestDueAgeMs, asOfUtc } = state;
  const count = (value: number, name: QueueState['atLeast'][number]) =>
    `${value}${atLeast.includes(name) ? '+' : ''} ${name}`;
  const oldest = oldestDueAgeMs === null ? '' : `, the oldest for ${duration(oldestDueAgeMs)}`;
  const topics = parked.map(({ topic, count: messages }) => `${messages} ${shorten(topic, 60)}`);
  return [
    `${count(ready, 'ready')} (${count(due, 'due')}${oldest}; ${count(blocked, 'blocked')})`,
    count(dead, 'dead'),
    ...(topics.length === 0
      ? []
      : [`parked${atLeast.includes('parked') ? ' at least' : ''}: ${topics.join(', ')}`]),
  ]
    .join(', ')
    .concat(`; as of ${age(asOfUtc, now)} ago`);
}

/** `12 done, 1 retried`, without the counts that are 0. */
export function countsText(counts: RunCounts): string {
  const parts = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}
