/** Formats a tenant's schedule for `status` and `tenants show`. */
import type { RunCounts, TenantRecord, TenantSchedule } from '../../engine/registry.ts';
import { age, duration, shorten } from './text.ts';

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

/** `12 done, 1 retried`, without the counts that are 0. */
export function countsText(counts: RunCounts): string {
  const parts = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}
