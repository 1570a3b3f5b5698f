/** Run reports (D7, F5), and the fleet's sums over them (F6). */
import { failingTopicsOf, mergedFailingTopics } from '../../failing-topics.ts';
import type { FleetSummary } from '../../fleet-summary.ts';
import { aheadMs, type StoredSumsRow, storedState, storedSums } from '../../stored-counts.ts';
import { readableOr } from '../../stored-values.ts';
import type { Reported, ReportedState, TenantReport } from '../../tenant-report.ts';
import { completeCounts, type FailuresRow, failures } from '../../tenant-row.ts';
import type { CountName } from '../../work-queue.ts';
import { type Connection, nowSql } from '../connection.ts';
import { acceptedCount, acceptedTime, nextNumber } from '../integers.ts';
import { dateOrNull, wholeMs } from '../time.ts';
import { isDeferred } from './choice.ts';
import { recordFlow } from './history.ts';
import { lastPlanOfRanges } from './plan-ranges.ts';
import { type TotalsRow, totals } from './rows.ts';

/** SQLite's min() of two values is null when either is null; the coalesce makes a null due time count as the latest. */
const dueNow = 'min(coalesce(NextDueUtc, :now), :now)';
const dueAtMost = 'min(coalesce(NextDueUtc, :nextDue), coalesce(:nextDue, NextDueUtc))';

/** The fleet's longest wait is that of the runs since then. */
const dayMs = 86_400_000;

const mayChoose = "(:again IS NOT NULL AND Status = 'active')";
const isChosen = `(${mayChoose} AND (WakePending = 1 OR :backlog = 1))`;
/** If no run is in flight any more, the run that had the lease has reported before this one. */
const isChosenSkipped = `(${mayChoose} AND InFlight = 0 AND NOT ${isDeferred})`;
/** As a plan's choice, so that neither a plan nor a wake chooses the tenant too. */
const choosesIf = (condition: string) =>
  `PlanVersion = iif(${condition}, ${nextNumber('PlanVersion')}, PlanVersion), LastPlannedUtc = iif(${condition}, :now, LastPlannedUtc)`;

const stored = (name: string) =>
  `(coalesce(OutboxState ->> '$.${name}', 0) + coalesce(InboxState ->> '$.${name}', 0))`;
/** Unlike sum(), total() returns a float, which neither overflows nor is too large to be read. */
const sumOf = (expression: string) => `min(total(${expression}), ${Number.MAX_SAFE_INTEGER})`;
const storedSum = (name: string) => sumOf(`iif(Status <> 'retired', ${stored(name)}, 0)`);
const counted = (name: string) => `Total${name} = ${acceptedCount(`Total${name} + :${name.toLowerCase()}`)}`;
const atLeast = (name: CountName) =>
  `coalesce(max(Status <> 'retired' AND instr(AtLeast, '"${name}"') > 0), 0)`;
const longestAge = (queue: 'Outbox' | 'Inbox') => `
  ${acceptedCount(`max(iif(Status <> 'retired', (${queue}State ->> '$.oldestDueAgeMs') + ${nowSql} - ${queue}StateUtc, NULL))`)} AS ${queue}DueAgeMs,
  ${acceptedCount(`max(iif(Status <> 'retired' AND ${queue}State IS NOT NULL, ${nowSql} - ${queue}StateUtc, NULL))`)} AS ${queue}CountAgeMs`;

/** Whether another run has counted the queue since this one did. */
const isSuperseded = (queue: 'Outbox' | 'Inbox') => {
  const [given, utc] = [`:${queue.toLowerCase()}`, `${queue}StateUtc`];
  return `(${given} IS NOT NULL AND coalesce(${utc} > ${given}Utc AND ${utc} <= :now + ${aheadMs}, 0))`;
};

/** Stores what a run left in a queue, unless the registry holds a later count. */
const setState = (queue: 'Outbox' | 'Inbox') => {
  const [given, utc] = [`:${queue.toLowerCase()}`, `${queue}StateUtc`];
  const keeps = `${given} IS NULL OR ${isSuperseded(queue)}`;
  return `${queue}State = iif(${keeps}, ${queue}State, ${given}), ${utc} = iif(${keeps}, ${utc}, ${given}Utc)`;
};
const setStates = `${setState('Outbox')}, ${setState('Inbox')}`;

/** The later run knows of due times that this one does not, so this one can only make the tenant due earlier. */
const mayDelay = `(:mode = 'set' AND NOT ${isSuperseded('Outbox')} AND NOT ${isSuperseded('Inbox')})`;

/** When the queue was counted as empty; null if it holds messages. */
const emptyUtc = (queue: 'Outbox' | 'Inbox') =>
  `iif(${queue}State ->> '$.isEmpty', ${queue}StateUtc, NULL) AS ${queue}EmptyUtc`;
const held = `${acceptedTime('LastRunUtc')} AS LastRunUtc, FailingTopics, ${emptyUtc('Outbox')}, ${emptyUtc('Inbox')}`;

/** A run that knew the tenant before it got its present database has served another one. */
const isPresent = '(:version IS NULL OR DatabaseVersion <= :version)';

/** A report may be repeated while others of its tenant come; this many of them do not hide it. The T-SQL keeps as many. */
const keptIds = 16;
const idLength = 36;
const isAmong = (id: string, column: string) => `(${id} IS NOT NULL AND instr(${column}, ${id}) > 0)`;
const isRepeated = isAmong(':reportId', 'LastReports');
/** Each id is followed by + if its report chose the tenant. */
const keepsReport = (isChosen: string) =>
  `LastReports = substr(coalesce(:reportId || iif(${isChosen}, '+', '-'), '') || LastReports, 1, ${keptIds * (idLength + 1)})`;

const sql = {
  report: `UPDATE Tenants
    SET LastRunUtc = :now, LastOutcome = :outcome, LastDurationMs = :durationMs, LastCounts = :counts,
      ${counted('Done')}, ${counted('Retried')}, ${counted('Dead')},
      ${counted('Released')}, ${counted('Parked')},
      ${counted('Lost')}, ${counted('Recovered')},
      LongestWaitMs = coalesce(:longestWaitMs, LongestWaitMs),
      LongestWaitUtc = iif(:longestWaitMs IS NULL, LongestWaitUtc, :now),
      IdleStreak = :idleStreak, FailureStreak = :failureStreak,
      LastError = :error, LastErrorCode = :errorCode, LastErrorUtc = CASE WHEN :errorCode IS NULL THEN NULL ELSE :now END,
      Backlog = :backlog,
      ${keepsReport(isChosen)}, ${choosesIf(isChosen)}, InFlight = ${isChosen}, WakePending = WakePending AND NOT ${isChosen},
      ${setStates},
      NextDueUtc = CASE WHEN ${isChosen} THEN :again WHEN WakePending = 1 THEN ${dueNow} WHEN ${mayDelay} THEN :nextDue ELSE ${dueAtMost} END
    WHERE Id = :id AND Status <> 'retired' AND ${isPresent} AND NOT ${isRepeated}
    RETURNING InFlight AS IsChosen, WakePending AS IsWoken, ${held}`,
  setFailing: 'UPDATE Tenants SET FailingTopics = ? WHERE Id = ?',
  skipped: `UPDATE Tenants
    SET ${keepsReport(isChosenSkipped)}, ${choosesIf(isChosenSkipped)}, InFlight = iif(${isChosenSkipped}, 1, InFlight), WakePending = NOT ${isChosenSkipped},
      ${setStates},
      NextDueUtc = CASE WHEN ${isChosenSkipped} THEN :again WHEN InFlight = 1 THEN ${dueAtMost} ELSE ${dueNow} END
    WHERE Id = :id AND Status <> 'retired' AND ${isPresent} AND NOT ${isRepeated}
    RETURNING WakePending = 0 AS IsChosen, InFlight = 0 AND NOT ${isDeferred} AS IsWoken, ${held}`,
  repeated: `SELECT InFlight = 1 AND instr(LastReports, :reportId || '+') > 0 AS IsChosen,
      WakePending = 1 AND (:outcome <> 'skipped' OR (InFlight = 0 AND NOT ${isDeferred})) AS IsWoken, ${held}
    FROM Tenants WHERE Id = :id AND Status <> 'retired' AND ${isRepeated}`,
  postpone: `UPDATE Tenants SET InFlight = 1, NextDueUtc = CASE WHEN WakePending = 1 THEN ${dueNow} ELSE :nextDue END
    WHERE Id = :id AND Status <> 'retired' AND ${isPresent}`,
  moved: `UPDATE Tenants SET InFlight = 0, NextDueUtc = ${dueNow}
    WHERE Id = :id AND Status <> 'retired' AND DatabaseVersion > :version`,
  byStatus: `SELECT
      coalesce(sum(Status = 'active'), 0) AS Active, coalesce(sum(Status = 'paused'), 0) AS Paused,
      coalesce(sum(Status = 'retired'), 0) AS Retired,
      coalesce(sum(Status = 'active' AND NextDueUtc <= ${nowSql}), 0) AS Due,
      coalesce(sum(Status = 'active' AND Backlog), 0) AS Backlog,
      coalesce(sum(Status = 'active' AND FailureStreak = 1), 0) AS FailingOnce,
      coalesce(sum(Status = 'active' AND FailureStreak BETWEEN 2 AND 4), 0) AS FailingTwice,
      coalesce(sum(Status = 'active' AND FailureStreak BETWEEN 5 AND 9), 0) AS FailingFive,
      coalesce(sum(Status = 'active' AND FailureStreak >= 10), 0) AS FailingTen,
      coalesce(${acceptedCount(`max(iif(Status = 'active', FailureStreak, 0))`)}, 0) AS LongestStreak,
      ${nowSql} - ${acceptedTime(`min(CASE WHEN Status = 'active' AND NextDueUtc <= ${nowSql} THEN NextDueUtc END)`)} AS OldestDueMs,
      coalesce(sum(Status = 'active' AND FailingTopics <> '[]'), 0) AS FailingTopics,
      coalesce(sum(Status <> 'retired' AND ${stored('dead')} > 0), 0) AS WithDead,
      ${storedSum('ready')} AS Ready, ${storedSum('due')} AS DueMessages, ${storedSum('blocked')} AS Blocked,
      ${storedSum('dead')} AS Dead, ${storedSum('parkedCount')} AS Parked,
      ${atLeast('ready')} AS ReadyAtLeast, ${atLeast('due')} AS DueAtLeast, ${atLeast('blocked')} AS BlockedAtLeast,
      ${atLeast('dead')} AS DeadAtLeast, ${atLeast('parked')} AS ParkedAtLeast,
      ${longestAge('Outbox')}, ${longestAge('Inbox')},
      ${sumOf('TotalDone')} AS TotalDone, ${sumOf('TotalRetried')} AS TotalRetried,
      ${sumOf('TotalDead')} AS TotalDead, ${sumOf('TotalReleased')} AS TotalReleased,
      ${sumOf('TotalParked')} AS TotalParked, ${sumOf('TotalLost')} AS TotalLost,
      ${sumOf('TotalRecovered')} AS TotalRecovered
    FROM (SELECT *, coalesce(OutboxState ->> '$.atLeast', '') || coalesce(InboxState ->> '$.atLeast', '') AS AtLeast FROM Tenants)`,
  state: `SELECT ${acceptedTime('LastPlanUtc')} AS LastPlanUtc, ${nowSql} - ${acceptedTime('LastPlanUtc')} AS LastPlanAgeMs,
      ${['LastPlanDue', 'LastPlanChosen', 'Poisoned'].map((name) => `${acceptedCount(name)} AS ${name}`).join(', ')},
      ${acceptedTime('LastPoisonedUtc')} AS LastPoisonedUtc
    FROM RegistryState`,
  longestWait: `SELECT ${acceptedCount('LongestWaitMs')} AS LongestWaitMs, ${nowSql} - ${acceptedTime('LongestWaitUtc')} AS LongestWaitAgeMs
    FROM Tenants WHERE Status <> 'retired' AND LongestWaitMs IS NOT NULL AND LongestWaitUtc > ${nowSql} - ${dayMs}
    ORDER BY Tenants.LongestWaitMs DESC, LongestWaitUtc DESC LIMIT 1`,
  poisoned: `UPDATE RegistryState SET Poisoned = ${acceptedCount('Poisoned + 1')}, LastPoisonedUtc = :now,
      LastPoisoned = substr(coalesce(:id, '') || LastPoisoned, 1, ${keptIds * idLength})
    WHERE NOT ${isAmong(':id', 'LastPoisoned')}`,
};

/** Call it within a write transaction. @param waitedMs since the call, which gave the ages in the report */
export function recordReport(
  connection: Connection,
  report: TenantReport,
  now: number,
  waitedMs = 0,
): Reported {
  const { schedule, longestWaitMs = null } = report;
  const counts = completeCounts(report.counts);
  const { outbox, inbox } = report.queues ?? {};
  const asOf = (state: ReportedState | undefined) =>
    state === undefined ? null : now - wholeMs(Math.floor(state.ageMs + waitedMs));
  const due = {
    id: report.tenantId,
    reportId: report.reportId?.toLowerCase() ?? null,
    version: report.tenantVersion ?? null,
    now,
    outbox: storedState(outbox),
    outboxUtc: asOf(outbox),
    inbox: storedState(inbox),
    inboxUtc: asOf(inbox),
    nextDue: schedule.nextDueInMs === null ? null : now + wholeMs(schedule.nextDueInMs),
    again: report.continues === undefined ? null : now + wholeMs(report.continues.redispatchMs),
  };
  if (report.outcome === 'skipped') {
    const row = connection.prepare(sql.skipped).get(due) as ReportedRow | undefined;
    const { tenantId, queues = {} } = report;
    if (row === undefined) return unchanged(connection, report, due);
    recordTopics(connection, { tenantId, queues }, row, now);
    return reported(row);
  }
  const row = connection.prepare(sql.report).get({
    ...due,
    mode: schedule.mode,
    outcome: report.outcome,
    durationMs: report.durationMs,
    counts: JSON.stringify(counts),
    ...counts,
    longestWaitMs: longestWaitMs === null ? null : wholeMs(longestWaitMs),
    idleStreak: schedule.idleStreak,
    failureStreak: schedule.failureStreak,
    error: report.error?.message ?? null,
    errorCode: report.error?.code ?? null,
    backlog: report.backlog ? 1 : 0,
  }) as ReportedRow | undefined;
  if (row === undefined) return unchanged(connection, report, due);
  recordTopics(connection, report, row, now);
  recordFlow(connection, report, now);
  return reported(row);
}

function reported({ IsWoken, IsChosen, LastRunUtc }: ReportedRow): Reported {
  return { woken: IsWoken === 1, chosen: IsChosen === 1, lastRunUtc: dateOrNull(LastRunUtc), moved: false };
}

/** Answers a report that was sent before, from the row as it is now, and one that is ignored. */
function unchanged(
  connection: Connection,
  { outcome }: Pick<TenantReport, 'outcome'>,
  {
    id,
    reportId,
    version,
    now,
  }: { id: string; reportId: string | null; version: number | null; now: number },
): Reported {
  const row = connection.prepare(sql.repeated).get({ id, reportId, outcome }) as ReportedRow | undefined;
  if (row !== undefined) return reported(row);
  const { changes } = connection.prepare(sql.moved).run({ id, version, now });
  return { woken: false, chosen: false, lastRunUtc: null, moved: Number(changes) > 0 };
}

interface HeldRow {
  readonly FailingTopics: string;
  readonly OutboxEmptyUtc: number | null;
  readonly InboxEmptyUtc: number | null;
}

interface ReportedRow extends HeldRow {
  readonly IsChosen: number;
  readonly IsWoken: number;
  readonly LastRunUtc: number | null;
}

/** Writes only if the topics that fail have changed. */
function recordTopics(
  connection: Connection,
  report: Pick<TenantReport, 'tenantId' | 'queues' | 'failing' | 'succeeded'>,
  { FailingTopics, OutboxEmptyUtc: outbox, InboxEmptyUtc: inbox }: HeldRow,
  now: number,
): void {
  if (FailingTopics === '[]' && !report.failing?.length) return;
  // What cannot be read is replaced.
  const known = readableOr(() => failingTopicsOf(FailingTopics), []);
  const stored = JSON.stringify(
    mergedFailingTopics(known, report, { nowUtc: now, emptyUtc: { outbox, inbox } }),
  );
  if (stored !== FailingTopics) connection.run(sql.setFailing, stored, report.tenantId);
}

/** Call it within a write transaction. */
export function postponeTenant(
  connection: Connection,
  tenantId: string,
  { holdMs, version = null }: { readonly holdMs: number; readonly version?: number | null | undefined },
  now: number,
): void {
  connection.prepare(sql.postpone).run({ id: tenantId, version, now, nextDue: now + wholeMs(holdMs) });
}

interface StatusRow extends TotalsRow, FailuresRow, StoredSumsRow {
  readonly Active: number;
  readonly Paused: number;
  readonly Retired: number;
  readonly Due: number;
  readonly Backlog: number;
  readonly OldestDueMs: number | null;
  readonly FailingTopics: number;
  readonly WithDead: number;
}

interface StateRow {
  readonly LastPlanUtc: number | null;
  readonly LastPlanAgeMs: number | null;
  readonly LastPlanDue: number;
  readonly LastPlanChosen: number;
  readonly Poisoned: number;
  readonly LastPoisonedUtc: number | null;
}

interface LongestWaitRow {
  readonly LongestWaitMs: number;
  readonly LongestWaitAgeMs: number | null;
}

/** Call it within a write transaction. */
export function recordPoisoned(connection: Connection, messageId: string | undefined, now: number): void {
  connection.prepare(sql.poisoned).run({ id: messageId?.toLowerCase() ?? null, now });
}

function lastPlan(connection: Connection, state: StateRow): FleetSummary['lastPlan'] {
  const { LastPlanUtc: utc, LastPlanAgeMs: ageMs, LastPlanDue: due, LastPlanChosen: chosen } = state;
  if (utc === null) return null;
  const ranges = lastPlanOfRanges(connection, utc);
  if (ranges === undefined) return { utc: new Date(utc), ageMs: Math.max(0, ageMs!), due, chosen };
  const oldest = ranges.LastPlanUtc ?? utc;
  return {
    utc: new Date(oldest),
    ageMs: Math.max(0, ageMs! + utc - oldest),
    due: ranges.Due,
    chosen: ranges.Chosen,
  };
}

/** Call it within a read transaction. */
export function fleetSummary(connection: Connection): FleetSummary {
  const row = connection.get<StatusRow>(sql.byStatus)!;
  const state = connection.get<StateRow>(sql.state)!;
  const longestWait = connection.get<LongestWaitRow>(sql.longestWait);
  return {
    tenants: { active: row.Active, paused: row.Paused, retired: row.Retired },
    due: row.Due,
    oldestDueMs: row.OldestDueMs,
    withBacklog: row.Backlog,
    ...failures(row),
    withFailingTopics: row.FailingTopics,
    withDead: row.WithDead,
    stored: storedSums(row),
    longestWaitMs: longestWait?.LongestWaitMs ?? null,
    longestWaitAgeMs: longestWait === undefined ? null : Math.max(0, longestWait.LongestWaitAgeMs ?? 0),
    lastPlan: lastPlan(connection, state),
    totals: totals(row),
    poisoned: {
      total: state.Poisoned,
      lastUtc: state.LastPoisonedUtc === null ? null : new Date(state.LastPoisonedUtc),
    },
  };
}
