/** What several planners did last, a row for each range of tenants (F3). A single planner leaves the table alone. */
import type { PlanRange } from '../../plan-range.ts';
import type { PreviousPlan } from '../../registry.ts';
import type { Connection } from '../connection.ts';
import { acceptedCount, acceptedTime } from '../integers.ts';

const sql = {
  known: `SELECT count(*) AS Known, max(${acceptedTime('LastPlanUtc')}) AS LastPlanUtc FROM PlanRanges WHERE Ranges = ?`,
  forget: 'DELETE FROM PlanRanges',
  add: 'INSERT INTO PlanRanges (Range, Ranges, LastPlanUtc, PlanOpen) VALUES (?, ?, ?, ?)',
  get: `SELECT ${acceptedTime('LastPlanUtc')} AS LastPlanUtc, PlanOpen = 1 AS PlanOpen FROM PlanRanges WHERE Range = ?`,
  note: `UPDATE PlanRanges SET LastPlanUtc = ?, LastPlanDue = ?, LastPlanChosen = 0, PlanOpen = ? WHERE Range = ?`,
  close: 'UPDATE PlanRanges SET LastPlanChosen = ?, PlanOpen = 0 WHERE Range = ? AND Ranges = ?',
  last: `SELECT min(${acceptedTime('LastPlanUtc')}) AS LastPlanUtc, ${acceptedCount('sum(LastPlanDue)')} AS Due,
      ${acceptedCount('sum(LastPlanChosen)')} AS Chosen
    FROM PlanRanges HAVING max(LastPlanUtc) >= ?`,
};

/**
 * Records a plan of the range, and returns the facts about its previous plan. The rows are those of the present number of
 * planners; if the fleet's last plan was another's, all ranges were planned then, or none if it is still open. Call it within
 * a write transaction.
 *
 * @param last the fleet's last plan, of all tenants or of any range; `isOpen` is that of a plan of all tenants
 */
export function noteRange(
  connection: Connection,
  { range, of }: PlanRange,
  last: { readonly utc: number | null; readonly isOpen: boolean },
  { now, due, isOpen }: { readonly now: number; readonly due: number; readonly isOpen: boolean },
): Pick<PreviousPlan, 'sinceMs' | 'unfinished'> {
  const { Known, LastPlanUtc } = connection.get<{ Known: number; LastPlanUtc: number | null }>(
    sql.known,
    of,
  )!;
  if (Known !== of || (LastPlanUtc ?? 0) < (last.utc ?? 0)) {
    connection.run(sql.forget);
    for (let each = 1; each <= of; each++)
      connection.run(sql.add, each, of, Math.min(last.utc ?? now, now), last.isOpen ? 1 : 0);
  }
  const previous = connection.get<{ LastPlanUtc: number | null; PlanOpen: number }>(sql.get, range)!;
  connection.run(sql.note, now, due, isOpen ? 1 : 0, range);
  return {
    sinceMs:
      last.utc === null || previous.LastPlanUtc === null ? null : Math.max(0, now - previous.LastPlanUtc),
    unfinished: previous.PlanOpen === 1,
  };
}

/** After the clock was set back, the times mean nothing (Q16). */
export function forgetRanges(connection: Connection): void {
  connection.run(sql.forget);
}

export function closeRange(connection: Connection, { range, of }: PlanRange, chosen: number): void {
  connection.run(sql.close, chosen, range, of);
}

export interface LastPlanOfRanges {
  /** Of the range that was planned the longest ago. */
  readonly LastPlanUtc: number | null;
  readonly Due: number;
  readonly Chosen: number;
}

/** Undefined if the fleet's last plan was of all tenants. */
export function lastPlanOfRanges(connection: Connection, lastPlanUtc: number): LastPlanOfRanges | undefined {
  return connection.get<LastPlanOfRanges>(sql.last, lastPlanUtc);
}
