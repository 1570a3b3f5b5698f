/** Stores the reports of runs (D7, F5), and sums up the fleet (F6). */
import type { FleetSummary, TenantReport } from '../../registry.ts';
import { completeCounts, failures } from '../../tenant-row.ts';
import { bigint, bit, type Database, int, longText, real, text } from '../database.ts';
import { wholeMs } from '../text.ts';
import { totals } from './rows.ts';

/**
 * Does not repeat the call when the answer is lost, because a report that was counted twice would stay in the
 * totals for ever.
 */
export async function recordReport(
  database: Database,
  report: TenantReport,
): Promise<{ readonly woken: boolean }> {
  const { schedule, error } = report;
  const [rows] = await database.call(
    'Tenant_Report',
    {
      Id: [text, report.tenantId],
      Outcome: [text, report.outcome],
      DurationMs: [real, report.durationMs],
      Counts: [text, JSON.stringify(completeCounts(report.counts))],
      Backlog: [bit, report.backlog],
      ParkedTopics: [longText, JSON.stringify(report.parkedTopics)],
      ErrorCode: [text, error?.code ?? null],
      // The text is for people, so characters that a text column cannot store are dropped.
      Error: [longText, error === undefined ? null : error.message.toWellFormed().replaceAll('\0', '')],
      NextDueInMs: [bigint, schedule.nextDueInMs === null ? null : wholeMs(schedule.nextDueInMs)],
      Mode: [text, schedule.mode],
      IdleStreak: [int, schedule.idleStreak],
      FailureStreak: [int, schedule.failureStreak],
    },
    { onLost: 'give-up' },
  );
  return { woken: rows![0]!.Woken as boolean };
}

export async function postponeTenant(database: Database, tenantId: string, holdMs: number): Promise<void> {
  await database.call(
    'Tenant_Postpone',
    { Id: [text, tenantId], HoldMs: [bigint, wholeMs(holdMs)] },
    { onLost: 'give-up' },
  );
}

/** Does not repeat the call when the answer is lost, so that no message is counted twice. */
export async function recordPoisoned(database: Database): Promise<void> {
  await database.call('Poisoned_Record', {}, { onLost: 'give-up' });
}

export async function fleetSummary(database: Database): Promise<FleetSummary> {
  const [rows] = await database.call('Fleet_Summary', {}, { onLost: 'repeat' });
  const row = rows![0]!;
  const count = (name: string) => Number(row[name]);
  return {
    tenants: { active: count('Active'), paused: count('Paused'), retired: count('Retired') },
    due: count('Due'),
    oldestDueMs: row.OldestDueMs === null ? null : count('OldestDueMs'),
    withBacklog: count('Backlog'),
    ...failures({
      FailingOnce: count('FailingOnce'),
      FailingTwice: count('FailingTwice'),
      FailingFive: count('FailingFive'),
      FailingTen: count('FailingTen'),
      LongestStreak: count('LongestStreak'),
    }),
    lastPlan:
      row.LastPlanUtc === null
        ? null
        : {
            utc: row.LastPlanUtc as Date,
            ageMs: Math.max(0, count('LastPlanAgeMs')),
            due: count('LastPlanDue'),
            chosen: count('LastPlanChosen'),
          },
    totals: totals(row),
    poisoned: { total: count('Poisoned'), lastUtc: row.LastPoisonedUtc as Date | null },
  };
}
