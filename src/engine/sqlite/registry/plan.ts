/** The plan (F3): reads the due tenants under the plan lease, and commits the choice. */
import { minuteMs } from '../../history.ts';
import { leaseNameOf, type PlanRange, planLeaseName } from '../../plan-range.ts';
import type {
  BeginPlan,
  BeginPlanResult,
  CandidateOrder,
  CommitPlan,
  PlanCandidate,
  PreviousPlan,
} from '../../registry.ts';
import { type Connection, nowSql } from '../connection.ts';
import type { DatabaseHandle } from '../handle.ts';
import { acceptedTime, nextNumber } from '../integers.ts';
import {
  heldByAnother,
  type LookRow as LeaseRow,
  lastsTooLong,
  leaseTimes,
  releaseLease,
  takeLease,
  takenByAnother,
} from '../lease-store.ts';
import { clockToleranceMs, spanOfTimesMs, wholeMs } from '../time.ts';
import { closeRange, forgetRanges, noteRange } from './plan-ranges.ts';
import { type TenantRow, tenantColumns, tenantRecord } from './rows.ts';

/** The most tenants whose times one plan changes after the clock was set back: it holds the write lock meanwhile. */
const mostDrawnIn = 4_000;

/**
 * The SQL expression by which the database sorts due tenants, for each candidate order. (A strategy's `Rank`
 * sorts the candidates that were read.)
 */
const rank: Readonly<Record<Exclude<CandidateOrder, 'longest-due'>, string>> = {
  backlog: 'Backlog DESC',
  priority: 'Priority DESC',
  deadline: 'NextDueUtc + SlaSeconds * 1000 NULLS LAST',
  weight: 'Weight * (:now - LastPlannedUtc) DESC NULLS FIRST',
};

/** @param inRange a condition, if the plan is of a range of the tenants. It needs only the index. */
const reads = (leaseName: string, inRange: string) => {
  const dueTenants = `FROM Tenants INDEXED BY Tenants_Due
    WHERE Status = 'active' AND NextDueUtc IS NOT NULL AND NextDueUtc <= :now${inRange}`;
  return {
    /** Reads only the first entry of the index of due tenants, however many are registered. */
    look: `SELECT Now, Owner, ${leaseTimes},
      (SELECT ${acceptedTime('NextDueUtc')} FROM Tenants INDEXED BY Tenants_Due WHERE Status = 'active' AND NextDueUtc IS NOT NULL${inRange}
        ORDER BY NextDueUtc LIMIT 1) AS NextDueUtc
    FROM (SELECT ${nowSql} AS Now) LEFT JOIN Leases ON Name = ${leaseName}`,
    due: `SELECT ${tenantColumns} ${dueTenants} ORDER BY Tenants.NextDueUtc, Id LIMIT :limit + 0`,
    /** Sorts only ids, because whole rows of all due tenants would be many megabytes. */
    first: (order: keyof typeof rank) => `SELECT ${tenantColumns}
    FROM (SELECT Id ${dueTenants} ORDER BY ${rank[order]}, NextDueUtc, Id LIMIT :limit + 0)
      CROSS JOIN Tenants INDEXED BY sqlite_autoindex_Tenants_1 USING (Id)`,
    countDue: `SELECT count(*) AS Count ${dueTenants}`,
  };
};

/** What a plan reads, of all tenants or of a range. */
interface Scope {
  readonly sql: ReturnType<typeof reads>;
  readonly leaseName: string;
  readonly range: PlanRange | undefined;
  /** The statements' values besides their own. */
  readonly values: Readonly<Record<string, number>>;
}

const readsOfAll = reads(`'${leaseNameOf(undefined)}'`, '');
const readsOfRange = reads(
  // Numbers are bound as floating-point ones.
  `'${planLeaseName}:' || CAST(:range AS INTEGER) || '/' || CAST(:of AS INTEGER)`,
  ' AND plan_range(Id, :of) = :range',
);

function scopeOf(range: PlanRange | undefined): Scope {
  const leaseName = leaseNameOf(range);
  if (range === undefined) return { sql: readsOfAll, leaseName, range, values: {} };
  return { sql: readsOfRange, leaseName, range, values: { range: range.range, of: range.of } };
}

const planSql = {
  /** One seek in the index when no due time is that late. */
  bringForward: `UPDATE Tenants INDEXED BY Tenants_Due SET NextDueUtc = :latest
    WHERE Status = 'active' AND NextDueUtc IS NOT NULL AND NextDueUtc > :latest`,
  state: `SELECT ${acceptedTime('LastPlanUtc')} AS LastPlanUtc, PlanOpen = 1 AS PlanOpen FROM RegistryState`,
  note: 'UPDATE RegistryState SET LastPlanUtc = ?, LastPlanDue = ?, LastPlanChosen = 0, PlanOpen = ?',
  noteOfRange: 'UPDATE RegistryState SET LastPlanUtc = ?, PlanOpen = 0',
  close: 'UPDATE RegistryState SET LastPlanChosen = ?, PlanOpen = 0',
  drawInState: `SELECT ${acceptedTime('LastPlanUtc')} AS LastPlanUtc, max(0, min(DrawInMs, ${spanOfTimesMs})) AS DrawInMs, DrawInAfter
    FROM RegistryState`,
  late: `SELECT Id FROM Tenants INDEXED BY sqlite_autoindex_Tenants_1
    WHERE Id > :after AND (NextDueUtc > :now OR LastPlannedUtc > :now OR LastRunUtc > :now) ORDER BY Id LIMIT ${mostDrawnIn}`,
  drawIn: `UPDATE Tenants INDEXED BY sqlite_autoindex_Tenants_1
    SET NextDueUtc = iif(NextDueUtc > :now, max(:now, ${acceptedTime('NextDueUtc')} - :aheadMs), NextDueUtc), LastPlannedUtc = min(LastPlannedUtc, :now),
      LastRunUtc = min(LastRunUtc, :now)
    WHERE Id IN (SELECT value FROM json_each(:ids))`,
  noteDrawIn: 'UPDATE RegistryState SET DrawInMs = ?, DrawInAfter = ?',
  choose: `UPDATE Tenants SET PlanVersion = ${nextNumber('PlanVersion')}, LastPlannedUtc = ?, NextDueUtc = ?, WakePending = 0, InFlight = 1
    WHERE Id = ? AND PlanVersion = ? AND Status = 'active'`,
};

interface DrawInRow {
  readonly LastPlanUtc: number | null;
  readonly DrawInMs: number | null;
  readonly DrawInAfter: string | null;
}

/**
 * If the last plan was later than now, the clock was set back since (Q16). All later times of the schedule are then
 * made earlier by as much, so that no tenant waits longer than planned. If a time was set before the clock was wrong, or
 * after it was set back, its tenant is due too early, once, and its run plans the next time anew.
 *
 * A plan changes a limited number of tenants, in the order of their ids; the next plans change the others, each once.
 */
function drawInSchedule(connection: Connection, now: number): void {
  const state = connection.get<DrawInRow>(planSql.drawInState)!;
  let { DrawInMs: aheadMs, DrawInAfter: after } = state;
  if (state.LastPlanUtc !== null && state.LastPlanUtc > now + clockToleranceMs) {
    // If an earlier change is not finished, its rest is made up for, too.
    aheadMs = Math.min((aheadMs ?? 0) + state.LastPlanUtc - now, spanOfTimesMs);
    after = '';
    forgetRanges(connection);
  }
  if (aheadMs === null) return;
  const ids = connection.all<{ Id: string }>(planSql.late, { after: after ?? '', now }).map(({ Id }) => Id);
  connection.prepare(planSql.drawIn).run({ now, aheadMs, ids: JSON.stringify(ids) });
  if (ids.length === mostDrawnIn) connection.run(planSql.noteDrawIn, aheadMs, ids.at(-1)!);
  else connection.run(planSql.noteDrawIn, null, null);
}

interface LookRow extends LeaseRow {
  readonly NextDueUtc: number | null;
}

/**
 * Records that a plan took place, and returns the facts about the previous plan. Call it within a write
 * transaction.
 */
function notePlan(
  connection: Connection,
  range: PlanRange | undefined,
  now: number,
  due: number,
  isOpen: boolean,
): PreviousPlan {
  const state = connection.get<{ LastPlanUtc: number | null; PlanOpen: number }>(planSql.state)!;
  const isFirstOfMinute = Math.floor((state.LastPlanUtc ?? 0) / minuteMs) !== Math.floor(now / minuteMs);
  if (range !== undefined) {
    connection.run(planSql.noteOfRange, now);
    const last = { utc: state.LastPlanUtc, isOpen: state.PlanOpen === 1 };
    return { ...noteRange(connection, range, last, { now, due, isOpen }), isFirstOfMinute };
  }
  connection.run(planSql.note, now, due, isOpen ? 1 : 0);
  return {
    sinceMs: state.LastPlanUtc === null ? null : Math.max(0, now - state.LastPlanUtc),
    unfinished: state.PlanOpen === 1,
    isFirstOfMinute,
  };
}

function look(connection: Connection, { sql, values }: Scope): LookRow {
  return connection.get<LookRow>(sql.look, values)!;
}

export async function beginPlan(handle: DatabaseHandle, request: BeginPlan): Promise<BeginPlanResult> {
  const scope = scopeOf(request.range);
  const seen = await handle.look((connection) => look(connection, scope));
  const held = heldByAnother(seen, request.owner);
  if (held !== null && !lastsTooLong(seen)) return held;
  // No fsync: a power cut ends every process that uses these files, so that the lease holds nothing back afterwards.
  return handle.write((connection, now) => planInTransaction(connection, request, scope, now), {
    durable: false,
  });
}

function planInTransaction(
  connection: Connection,
  plan: BeginPlan,
  scope: Scope,
  now: number,
): BeginPlanResult {
  const { sql, leaseName, range, values } = scope;
  const request = { name: leaseName, owner: plan.owner, durationMs: plan.leaseMs };
  const held = takenByAnother(connection, request);
  if (held !== null) return held;
  drawInSchedule(connection, now);
  if (plan.lookWithinMs !== undefined) {
    connection.prepare(planSql.bringForward).run({ latest: now + wholeMs(plan.lookWithinMs) });
  }
  const found = look(connection, scope);
  const isHeldByUs = found.Owner !== null && (found.ExpiresUtc ?? 0) > now;
  const isDue = found.NextDueUtc !== null && found.NextDueUtc <= now;
  if (!isDue && !isHeldByUs) {
    const nextDueInMs = found.NextDueUtc === null ? null : found.NextDueUtc - now;
    return { status: 'idle', previous: notePlan(connection, range, now, 0, false), nextDueInMs };
  }
  const lease = takeLease(connection, request, now);
  if (!isDue) {
    // This owner's earlier plan was still open; taking the lease again has ended it (L2).
    releaseLease(connection, lease);
    const nextDueInMs = found.NextDueUtc === null ? null : found.NextDueUtc - now;
    return { status: 'idle', previous: notePlan(connection, range, now, 0, false), nextDueInMs };
  }
  const due = connection.get<{ Count: number }>(sql.countDue, { now, ...values })!.Count;
  return {
    status: 'due',
    lease,
    previous: notePlan(connection, range, now, due, true),
    candidates: read(connection, plan, scope, due, now).map((row) => candidate(row, now)),
    due,
  };
}

function read(
  connection: Connection,
  { limit, order = 'longest-due' }: BeginPlan,
  { sql, values }: Scope,
  due: number,
  now: number,
): TenantRow[] {
  const rows = connection.all<TenantRow>(sql.due, { now, limit, ...values });
  if (due <= limit || order === 'longest-due') return rows;
  const known = new Set(rows.map(({ Id }) => Id));
  const first = connection.all<TenantRow>(sql.first(order), { now, limit, ...values });
  return [...rows, ...first.filter(({ Id }) => !known.has(Id))];
}

function candidate(row: TenantRow, now: number): PlanCandidate {
  const since = (utc: unknown) => (typeof utc === 'number' ? Math.max(0, now - utc) : null);
  return {
    tenant: tenantRecord(row),
    planVersion: typeof row.PlanVersion === 'number' ? row.PlanVersion : 0,
    overdueMs: since(row.NextDueUtc) ?? 0,
    sincePlannedMs: since(row.LastPlannedUtc),
    woken: row.WakePending === 1,
  };
}

/** Call it within a write transaction. */
export function commitPlan(connection: Connection, plan: CommitPlan, now: number): string[] {
  if (!releaseLease(connection, plan.lease)) return [];
  const again = now + wholeMs(plan.redispatchMs);
  const won = plan.choices.filter(
    ({ tenantId, planVersion }) => connection.run(planSql.choose, now, again, tenantId, planVersion) === 1,
  );
  if (plan.range === undefined) connection.run(planSql.close, won.length);
  else closeRange(connection, plan.range, won.length);
  return won.map(({ tenantId }) => tenantId);
}
