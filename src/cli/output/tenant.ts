/** Formats a tenant's schedule for `status` and `tenants show`. */

import { duration } from '../../duration-text.ts';
import type { FleetSummary } from '../../engine/fleet-summary.ts';
import type { RunCounts, TenantRecord, TenantSchedule } from '../../engine/registry.ts';
import type { QueueState } from '../../engine/tenant-report.ts';
import { countNames } from '../../engine/work-queue.ts';
import { age, escapedLine, number } from './text.ts';

/** When a tenant is due: `now`, `in 5s` or `on wake`; empty for a tenant that is not active. */
export function dueText({ status, schedule }: TenantRecord, now: number = Date.now()): string {
  if (status !== 'active') return '';
  if (schedule.nextDueUtc === null) return 'on wake';
  const inMs = schedule.nextDueUtc.getTime() - now;
  return inMs <= 0 ? 'now' : `in ${duration(inMs)}`;
}

/**
 * When the run was planned that has not reported: it is in flight, or was skipped because another run has the queue's lease,
 * or its host has died. The registry does not tell these apart. Null if the last planned run has reported.
 */
function unreportedSince({ status, schedule }: TenantRecord): Date | null {
  const { lastPlannedUtc, lastRunUtc } = schedule;
  if (status !== 'active' || lastPlannedUtc === null) return null;
  return lastRunUtc === null || lastPlannedUtc > lastRunUtc ? lastPlannedUtc : null;
}

/** `idle, 5m ago; planned 2s ago`: the last run that has reported, and the one planned since. */
export function lastRunText(tenant: TenantRecord, now: number = Date.now()): string {
  const { lastRunUtc, lastOutcome } = tenant.schedule;
  const planned = unreportedSince(tenant);
  return [
    lastRunUtc === null ? 'never' : `${lastOutcome}, ${age(lastRunUtc, now)} ago`,
    ...(planned === null ? [] : [`planned ${age(planned, now)} ago`]),
  ].join('; ');
}

/** What the plan of a run that has not reported may mean, and where to look; empty if the last one has. */
export function unreportedText(tenant: TenantRecord, now: number = Date.now()): string {
  const planned = unreportedSince(tenant);
  if (planned === null) return '';
  return `${age(planned, now)} ago, and its run has not reported: it is in flight, was skipped because another run has the lease, or is lost; 'multi-outbox leases list ${tenant.id}' names the lease's owner`;
}

export function streakText({ failureStreak, idleStreak }: TenantSchedule): string {
  if (failureStreak > 0) return `${number(failureStreak)} failed`;
  return idleStreak > 0 ? `${number(idleStreak)} idle` : '';
}

export function lastErrorText(schedule: TenantSchedule): string {
  const { lastError, lastErrorCode, lastErrorUtc } = schedule;
  if (lastError === null && lastErrorCode === null) return '';
  const when = lastErrorUtc === null ? '' : `${age(lastErrorUtc)} ago: `;
  return `${when}${[lastErrorCode, escapedLine(lastError ?? '')].filter(Boolean).join(' ')}`;
}

/** `orders fails for 5m (12 times): Error (ECONNREFUSED)`, one part for each topic. */
export function failingTopicsText({ failingTopics }: TenantSchedule, now: number = Date.now()): string {
  return failingTopics
    .map(({ topic, source, sinceUtc, failures, error }) => {
      const times = failures === 1 ? 'once' : `${number(failures)} times`;
      const from = source === null ? '' : ` from ${source}`;
      return `${topic}${from} fails for ${age(sinceUtc, now)} (${times}): ${error}`;
    })
    .join('; ');
}

/** `12s, 5m ago`: the longest wait of a message in the last run that started one, and when it reported; empty for none. */
export function longestWaitText(
  { longestWaitMs, longestWaitUtc }: TenantSchedule,
  now: number = Date.now(),
): string {
  if (longestWaitMs === null) return '';
  return [
    duration(longestWaitMs),
    ...(longestWaitUtc === null ? [] : [`${age(longestWaitUtc, now)} ago`]),
  ].join(', ');
}

/** The Dead or parked messages of all queues; `10,000+` if there are more than a run counts. Empty if no run has counted. */
export function storedText({ queues }: TenantSchedule, name: 'dead' | 'parked'): string {
  const states = Object.values(queues);
  if (states.length === 0) return '';
  const sum = states.reduce((total, state) => total + storedCount(state, name), 0);
  return `${number(sum)}${states.some(({ atLeast }) => atLeast.includes(name)) ? '+' : ''}`;
}

function storedCount({ dead, parked }: QueueState, name: 'dead' | 'parked'): number {
  return name === 'dead' ? dead : parked.reduce((sum, { count }) => sum + count, 0);
}

/**
 * `12 ready, 7 due, 4 blocked, 10,000+ dead, 0 parked; the oldest due for 3m; counted up to 5m ago`: what the fleet's queues
 * hold.
 */
export function fleetStoredText({
  atLeast,
  oldestDueAgeMs,
  oldestCountMs,
  ...counts
}: FleetSummary['stored']): string {
  const numbers = countNames.map(
    (name) => `${number(counts[name])}${atLeast.includes(name) ? '+' : ''} ${name}`,
  );
  return [
    numbers.join(', '),
    ...(oldestDueAgeMs === null ? [] : [`the oldest due for ${duration(oldestDueAgeMs)}`]),
    ...(oldestCountMs === null ? [] : [`counted up to ${duration(oldestCountMs)} ago`]),
  ].join('; ');
}

/** `12 ready (7 due, the oldest for 3m; 4 blocked), 2 dead, parked: 4 orders; as of 5s ago` */
export function queueStateText(state: QueueState | undefined, now: number = Date.now()): string {
  if (state === undefined) return '';
  const { ready, due, blocked, dead, parked, atLeast, oldestDueAgeMs, asOfUtc } = state;
  const count = (value: number, name: QueueState['atLeast'][number]) =>
    `${number(value)}${atLeast.includes(name) ? '+' : ''} ${name}`;
  const oldest = oldestDueAgeMs === null ? '' : `, the oldest for ${duration(oldestDueAgeMs)}`;
  const topics = parked.map(({ topic, count: messages }) => `${number(messages)} ${topic}`);
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
    .map(([name, count]) => `${number(count)} ${name}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}
