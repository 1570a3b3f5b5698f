/** The fleet's minutes (src/engine/history.ts), and the removal of the history's old rows. */
import type { FleetSummary } from '../../fleet-summary.ts';
import { fleetHistoryMs, minuteMs, mostHistoryPurged, tenantHistoryMs } from '../../history.ts';
import { fleetGauges, gaugeColumns } from '../../history-rows.ts';
import type { Connection } from '../connection.ts';

const columns = Object.values(gaugeColumns);

const sql = {
  /** A report may have written the minute's row before. */
  recordState: `INSERT INTO FleetHistory (MinuteUtc, ${columns.join(', ')})
    VALUES (:minute, ${Object.keys(gaugeColumns)
      .map((name) => `:${name}`)
      .join(', ')})
    ON CONFLICT (MinuteUtc) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}
    WHERE Active IS NULL`,
  purgeTenants: `DELETE FROM TenantHistory WHERE (HourUtc, TenantId) IN (
    SELECT HourUtc, TenantId FROM TenantHistory WHERE HourUtc < ? ORDER BY HourUtc, TenantId LIMIT ${mostHistoryPurged})`,
  purgeFleet: `DELETE FROM FleetHistory WHERE MinuteUtc IN (
    SELECT MinuteUtc FROM FleetHistory WHERE MinuteUtc < ? ORDER BY MinuteUtc LIMIT ${mostHistoryPurged})`,
};

/** Call it within a write transaction. @param fleet the state to record, if it is to be recorded */
export function keepHistory(connection: Connection, fleet: FleetSummary | undefined, now: number): void {
  if (fleet !== undefined) {
    const minute = Math.floor(now / minuteMs) * minuteMs;
    connection.prepare(sql.recordState).run({ minute, ...fleetGauges(fleet) });
  }
  connection.run(sql.purgeTenants, now - tenantHistoryMs);
  connection.run(sql.purgeFleet, now - fleetHistoryMs);
}
