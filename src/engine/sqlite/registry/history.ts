/** What reports add to the history (src/engine/history.ts), and what is read of it. */
import { type FleetMinute, hourMs, minuteMs, type TenantHour } from '../../history.ts';
import {
  fleetMinute,
  flowColumns,
  longestColumns,
  reportedColumns,
  reportedFlow,
  tenantHour,
} from '../../history-rows.ts';
import type { TenantReport } from '../../tenant-report.ts';
import { type Connection, nowSql } from '../connection.ts';

/** A sum that has come to what programs can read stays there: a report must not fail because of it. */
const added = flowColumns
  .map((column) => `${column} = min(${column} + excluded.${column}, ${Number.MAX_SAFE_INTEGER})`)
  .join(', ');

const sql = {
  addToHour: `INSERT INTO TenantHistory (HourUtc, TenantId, ${reportedColumns.join(', ')})
    VALUES (?, ?${', ?'.repeat(reportedColumns.length)})
    ON CONFLICT (HourUtc, TenantId) DO UPDATE SET ${added},
      ${longestColumns.map((column) => `${column} = max(${column}, excluded.${column})`).join(', ')}`,
  addToMinute: `INSERT INTO FleetHistory (MinuteUtc, ${flowColumns.join(', ')})
    VALUES (?${', ?'.repeat(flowColumns.length)}) ON CONFLICT (MinuteUtc) DO UPDATE SET ${added}`,
  fleet: `SELECT * FROM FleetHistory WHERE MinuteUtc > ${nowSql} - ? AND MinuteUtc <= ${nowSql} ORDER BY MinuteUtc`,
  /** One seek an hour: the key begins with the hour, because the hours of all tenants grow and are removed together. */
  tenant: `WITH RECURSIVE Hours (Utc) AS (
      SELECT ${nowSql} / ${hourMs} * ${hourMs}
      UNION ALL SELECT Utc - ${hourMs} FROM Hours WHERE Utc > ${nowSql} - :since)
    SELECT h.* FROM Hours JOIN TenantHistory h ON h.HourUtc = Utc AND h.TenantId = :id ORDER BY h.HourUtc`,
};

/** Call it within the report's transaction. */
export function recordFlow(connection: Connection, report: TenantReport, now: number): void {
  const flow = reportedFlow(report);
  if (flow === null) return;
  connection.run(sql.addToHour, Math.floor(now / hourMs) * hourMs, report.tenantId, ...flow);
  const sums = flow.slice(0, flowColumns.length);
  connection.run(sql.addToMinute, Math.floor(now / minuteMs) * minuteMs, ...sums);
}

type Row = Readonly<Record<string, unknown>>;

export function fleetHistory(connection: Connection, sinceMs: number): FleetMinute[] {
  return connection
    .all<Row>(sql.fleet, sinceMs)
    .map((row) => fleetMinute(new Date(Number(row.MinuteUtc)), row));
}

export function tenantHistory(connection: Connection, tenantId: string, sinceMs: number): TenantHour[] {
  return connection
    .all<Row>(sql.tenant, { id: tenantId, since: sinceMs })
    .map((row) => tenantHour(new Date(Number(row.HourUtc)), row));
}
