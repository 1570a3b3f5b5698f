/** Wakes (F7). */
import type { ChooseWoken, TenantRecord, Woken } from '../../registry.ts';
import { type Connection, nowSql } from '../connection.ts';
import { nextNumber } from '../integers.ts';
import { wholeMs } from '../time.ts';
import { isDeferred, isInFlight } from './choice.ts';
import { type TenantRow, tenantColumns, tenantRecord } from './rows.ts';

type Choice = Omit<Woken, 'durable'>;

const mayBeChosen = (now: string) => `(${isInFlight(now)} IS NOT TRUE AND NOT ${isDeferred})`;

const sql = {
  look: `SELECT ${isInFlight(nowSql)} AS IsInFlight, NextDueUtc <= ${nowSql} AS IsDue, ${mayBeChosen(nowSql)} AS MayBeChosen,
      ${isDeferred} AS IsDeferred
    FROM Tenants
    WHERE Id = ? AND Status = 'active' AND WakePending = 1`,
  /** As a plan's choice, so that neither a plan nor another wake chooses the tenant too. */
  choose: `UPDATE Tenants SET PlanVersion = ${nextNumber('PlanVersion')}, LastPlannedUtc = :now, NextDueUtc = :again, WakePending = 0, InFlight = 1
    WHERE Id = :id AND Status = 'active' AND ${mayBeChosen(':now')}`,
  get: `SELECT ${tenantColumns} FROM Tenants WHERE Id = ?`,
  note: `UPDATE Tenants SET WakePending = 1,
      NextDueUtc = CASE WHEN ${isInFlight(':now')} THEN NextDueUtc ELSE min(coalesce(NextDueUtc, :now), :now) END
    WHERE Id = :id AND Status = 'active' RETURNING NextDueUtc > :now AS IsInFlight, ${isDeferred} AS IsDeferred`,
};

/** Looks at the tenants that have been due longest. If more are due, hosts plan without this. */
const hasWokenSql = `SELECT EXISTS (SELECT 1 FROM (
    SELECT WakePending, LastOutcome FROM Tenants INDEXED BY Tenants_Due
    WHERE Status = 'active' AND NextDueUtc IS NOT NULL AND NextDueUtc <= ${nowSql} ORDER BY NextDueUtc LIMIT 100
  ) WHERE WakePending = 1 AND NOT ${isDeferred}) AS HasWoken`;

export function hasWoken(connection: Connection): boolean {
  return connection.get<{ HasWoken: number }>(hasWokenSql)!.HasWoken === 1;
}

interface NotedRow {
  readonly IsInFlight: number;
  readonly IsDeferred: number;
}

interface LookRow extends NotedRow {
  readonly IsDue: number;
  readonly MayBeChosen: number;
}

/**
 * The result of a wake that need not write anything, because each tenant was woken since it was last chosen and is still
 * due, or in flight: its next run starts after this look, or its run's report makes it due. Otherwise null.
 */
export function alreadyWoken(
  connection: Connection,
  tenantIds: readonly string[],
  choose: ChooseWoken | undefined,
): Choice | null {
  const mayChoose = (choose?.capacity ?? 0) > 0;
  const due: string[] = [];
  const inFlight: string[] = [];
  for (const id of tenantIds) {
    const row = connection.get<LookRow>(sql.look, id);
    if (row === undefined || (mayChoose && row.MayBeChosen === 1)) return null;
    if (row.IsInFlight !== 1 && row.IsDue !== 1) return null;
    if (row.IsInFlight === 1) inFlight.push(id);
    else if (row.IsDeferred !== 1) due.push(id);
  }
  return { tenantIds: [...tenantIds], chosen: [], due, inFlight };
}

/** Call it within a write transaction. */
export function wakeTenants(
  connection: Connection,
  tenantIds: readonly string[],
  choose: ChooseWoken | undefined,
  now: number,
): Choice {
  const { capacity, redispatchMs } = choose ?? { capacity: 0, redispatchMs: 0 };
  const again = now + wholeMs(redispatchMs);
  const woken: string[] = [];
  const chosen: TenantRecord[] = [];
  const due: string[] = [];
  const inFlight: string[] = [];
  for (const id of tenantIds) {
    if (chosen.length < capacity && connection.prepare(sql.choose).run({ id, now, again }).changes === 1) {
      chosen.push(tenantRecord(connection.get<TenantRow>(sql.get, id)!));
      woken.push(id);
      continue;
    }
    const row = connection.prepare(sql.note).get({ id, now }) as NotedRow | undefined;
    if (row === undefined) continue;
    woken.push(id);
    if (row.IsInFlight === 1) inFlight.push(id);
    else if (row.IsDeferred !== 1) due.push(id);
  }
  return { tenantIds: woken, chosen, due, inFlight };
}
