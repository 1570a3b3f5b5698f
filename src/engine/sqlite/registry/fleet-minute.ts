/** The fleet's minutes (src/engine/history.ts), and the removal of the history's old rows. */
import { fleetHistoryMs, hourMs, minuteMs, mostHistoryPurged, tenantHistoryMs } from '../../history.ts';
import { fleetGauges, flowColumns, gaugeColumns } from '../../history-rows.ts';
import type { Connection } from '../connection.ts';
import { fleetSummary } from './reports.ts';

const sums = flowColumns.map((column) => `coalesce(sum(${column}), 0) AS ${column}`).join(', ');

const sql = {
  addMinute: `INSERT INTO FleetHistory (MinuteUtc, ${Object.values(gaugeColumns).join(', ')})
    VALUES (:minute, ${Object.keys(gaugeColumns)
      .map((name) => `:${name}`)
      .join(', ')}) ON CONFLICT DO NOTHING`,
  isFirst: 'SELECT 1 FROM FleetHistory WHERE MinuteUtc >= :hour AND MinuteUtc < :minute LIMIT 1',
  isReported: 'SELECT 1 FROM TenantHistory WHERE HourUtc = ? LIMIT 1',
  ensureMinute: 'INSERT INTO FleetHistory (MinuteUtc) VALUES (?) ON CONFLICT DO NOTHING',
  /** Adds to the minute what the tenants' hour has more than the fleet's minutes of that hour. */
  addFlow: `UPDATE FleetHistory
    SET ${flowColumns.map((column) => `${column} = max(0, FleetHistory.${column} + t.${column} - f.${column})`).join(', ')}
    FROM (SELECT ${sums} FROM TenantHistory WHERE HourUtc = :hour) t,
      (SELECT ${sums} FROM FleetHistory WHERE MinuteUtc >= :hour AND MinuteUtc < :hour + ${hourMs}) f
    WHERE MinuteUtc = :minute`,
  purgeTenants: `DELETE FROM TenantHistory WHERE (HourUtc, TenantId) IN (
    SELECT HourUtc, TenantId FROM TenantHistory WHERE HourUtc < ? ORDER BY HourUtc, TenantId LIMIT ${mostHistoryPurged})`,
  purgeFleet: `DELETE FROM FleetHistory WHERE MinuteUtc IN (
    SELECT MinuteUtc FROM FleetHistory WHERE MinuteUtc < ? ORDER BY MinuteUtc LIMIT ${mostHistoryPurged})`,
};

/** Call it within a write transaction. */
export function keepHistory(
  connection: Connection,
  { record }: { readonly record: boolean },
  now: number,
): void {
  if (record) recordMinute(connection, now);
  connection.run(sql.purgeTenants, now - tenantHistoryMs);
  connection.run(sql.purgeFleet, now - fleetHistoryMs);
}

function recordMinute(connection: Connection, now: number): void {
  const minute = Math.floor(now / minuteMs) * minuteMs;
  const hour = Math.floor(now / hourMs) * hourMs;
  const state = fleetGauges(fleetSummary(connection));
  const { changes } = connection.prepare(sql.addMinute).run({ minute, ...state });
  if (Number(changes) === 0) return;
  const lastHour = hour - hourMs;
  const isFirst = connection.get(sql.isFirst, { hour, minute }) === undefined;
  if (isFirst && connection.get(sql.isReported, lastHour) !== undefined) {
    // What was reported after the last hour's last plan belongs to the last minute of that hour.
    connection.run(sql.ensureMinute, hour - minuteMs);
    connection.prepare(sql.addFlow).run({ hour: lastHour, minute: hour - minuteMs });
  }
  connection.prepare(sql.addFlow).run({ hour, minute });
}
