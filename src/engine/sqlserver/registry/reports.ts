/** Stores the reports of runs (D7, F5), and sums up the fleet (F6). */
import { randomUUID } from 'node:crypto';
import { failingTopicsOf, mergedFailingTopics } from '../../failing-topics.ts';
import type { FleetSummary } from '../../fleet-summary.ts';
import { reportedColumns, reportedFlow } from '../../history-rows.ts';
import { type StoredSumsRow, storedState, storedSums } from '../../stored-counts.ts';
import { boundedCount, readableOr } from '../../stored-values.ts';
import type { Reported, TenantReport } from '../../tenant-report.ts';
import { completeCounts, failures, type TotalsRow, totalsOf } from '../../tenant-row.ts';
import { bigint, bit, type Database, int, longText, type Row, real, text, uuid } from '../database.ts';
import { wholeMs } from '../text.ts';

export async function recordReport(database: Database, report: TenantReport): Promise<Reported> {
  const { schedule, error, continues, longestWaitMs = null, queues: { outbox, inbox } = {} } = report;
  // The procedure knows a report that was sent before by its id.
  const { reportId = randomUUID() } = report;
  const [rows] = await database.call(
    'Tenant_Report',
    {
      Id: [text, report.tenantId],
      Outcome: [text, report.outcome],
      DurationMs: [real, report.durationMs],
      Counts: [text, JSON.stringify(completeCounts(report.counts))],
      Backlog: [bit, report.backlog],
      OutboxState: [longText, storedState(outbox)],
      OutboxAgeMs: [bigint, wholeMs(outbox?.ageMs ?? 0)],
      InboxState: [longText, storedState(inbox)],
      InboxAgeMs: [bigint, wholeMs(inbox?.ageMs ?? 0)],
      Flow: [longText, flowJson(report)],
      ErrorCode: [text, error?.code ?? null],
      // The text is for people, so characters that a text column cannot store are dropped.
      Error: [longText, error === undefined ? null : error.message.toWellFormed().replaceAll('\0', '')],
      NextDueInMs: [bigint, schedule.nextDueInMs === null ? null : wholeMs(schedule.nextDueInMs)],
      Mode: [text, schedule.mode],
      IdleStreak: [int, schedule.idleStreak],
      FailureStreak: [int, schedule.failureStreak],
      LongestWaitMs: [bigint, longestWaitMs === null ? null : wholeMs(longestWaitMs)],
      Version: [bigint, report.tenantVersion ?? null],
      RedispatchMs: [bigint, continues === undefined ? null : wholeMs(continues.redispatchMs)],
      ReportId: [uuid, reportId],
    },
    { onLost: 'repeat' },
  );
  const row = rows![0]!;
  // A report whose answer was lost has not come this far, so its topics are counted once. An error here must not fail it: the
  // caller would send it again, and its topics would be counted twice.
  const { tenantId, outcome, queues = {} } = report;
  await recordTopics(database, outcome === 'skipped' ? { tenantId, queues } : report, row).catch(() => {});
  return {
    woken: row.Woken as boolean,
    chosen: row.Chosen as boolean,
    lastRunUtc: row.LastRunUtc as Date | null,
    moved: row.Moved as boolean,
  };
}

function flowJson(report: TenantReport): string | null {
  const flow = reportedFlow(report);
  if (flow === null) return null;
  // The columns are integers: a time of more than 24 days is cut.
  const byColumn = flow.flatMap((value, index) =>
    value > 0 ? [[reportedColumns[index]!, Math.min(value, 2 ** 31 - 1)] as const] : [],
  );
  return JSON.stringify(Object.fromEntries(byColumn));
}

/**
 * Writes only if the topics that fail have changed. Another run of the tenant, of its other queue, may report at the same
 * time; the topics are then merged again.
 */
async function recordTopics(
  database: Database,
  report: Pick<TenantReport, 'tenantId' | 'queues' | 'failing' | 'succeeded'>,
  row: Row,
): Promise<void> {
  const time = (utc: unknown) => (utc instanceof Date ? utc.getTime() : null);
  const emptyUtc = { outbox: time(row.OutboxEmptyUtc), inbox: time(row.InboxEmptyUtc) };
  const held = { nowUtc: Number(row.Now), emptyUtc };
  let before = row.FailingTopics as string | null;
  for (let tries = 1; before !== null && tries <= 3; tries++) {
    if (before === '[]' && !report.failing?.length) return;
    // What cannot be read is replaced.
    const known = readableOr(() => failingTopicsOf(before!), []);
    const merged = mergedFailingTopics(known, report, held);
    const after = JSON.stringify(merged);
    if (after === before) return;
    const parameters = {
      Id: [text, report.tenantId],
      Before: [longText, before],
      After: [longText, after],
    } as const;
    const [rows] = await database.call('Tenant_SetFailingTopics', parameters, { onLost: 'repeat' });
    before = (rows?.[0]?.FailingTopics as string | null | undefined) ?? null;
    // A call that was repeated finds what its first try has written.
    if (before === after) return;
  }
}

export async function postponeTenant(
  database: Database,
  tenantId: string,
  holdMs: number,
  tenantVersion?: number,
): Promise<void> {
  await database.call(
    'Tenant_Postpone',
    { Id: [text, tenantId], HoldMs: [bigint, wholeMs(holdMs)], Version: [bigint, tenantVersion ?? null] },
    { onLost: 'repeat' },
  );
}

export async function recordPoisoned(database: Database, messageId: string = randomUUID()): Promise<void> {
  await database.call('Poisoned_Record', { MessageId: [uuid, messageId] }, { onLost: 'repeat' });
}

export async function fleetSummary(database: Database): Promise<FleetSummary> {
  const [rows] = await database.call('Fleet_Summary', {}, { onLost: 'repeat' });
  const row = rows![0]!;
  const count = (name: string) => boundedCount(Number(row[name]));
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
    withFailingTopics: count('FailingTopics'),
    withDead: count('WithDead'),
    stored: storedSums(
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          value === null ? null : boundedCount(Number(value)),
        ]),
      ) as unknown as StoredSumsRow,
    ),
    longestWaitMs: row.LongestWaitMs === null ? null : count('LongestWaitMs'),
    longestWaitAgeMs: row.LongestWaitMs === null ? null : count('LongestWaitAgeMs'),
    lastPlan:
      row.LastPlanUtc === null
        ? null
        : {
            utc: row.LastPlanUtc as Date,
            ageMs: Math.max(0, count('LastPlanAgeMs')),
            due: count('LastPlanDue'),
            chosen: count('LastPlanChosen'),
          },
    totals: totalsOf(row as unknown as TotalsRow<unknown>, (_column, sum) => boundedCount(Number(sum))),
    poisoned: { total: count('Poisoned'), lastUtc: row.LastPoisonedUtc as Date | null },
  };
}
