/** The history of the fleet and of its tenants (src/engine/history.ts). */
import type { FleetMinute, TenantHour } from '../../history.ts';
import { fleetGauges, fleetMinute, gaugeColumns, tenantHour } from '../../history-rows.ts';
import { bigint, bit, type Database, int, type Parameters, text } from '../database.ts';
import { wholeMs } from '../text.ts';
import { fleetSummary } from './reports.ts';

/** The state of a minute is written once, so the call may be repeated. */
export async function keepHistory(
  database: Database,
  { record }: { readonly record: boolean },
): Promise<void> {
  const state = record ? gauges(fleetGauges(await fleetSummary(database))) : {};
  await database.call('History_Keep', { Record: [bit, record], ...state }, { onLost: 'repeat' });
}

function gauges(state: ReturnType<typeof fleetGauges>): Parameters {
  const parameters: Record<string, NonNullable<Parameters[string]>> = {};
  for (const [name, column] of Object.entries(gaugeColumns)) {
    const type = name === 'dead' || name === 'oldestDueMs' ? bigint : int;
    const value = state[name as keyof typeof state];
    parameters[column] = [type, name === 'oldestDueMs' && value !== null ? wholeMs(value) : value];
  }
  return parameters;
}

export async function fleetHistory(database: Database, sinceMs: number): Promise<FleetMinute[]> {
  const parameters: Parameters = { SinceMs: [bigint, wholeMs(sinceMs)] };
  const [rows = []] = await database.call('FleetHistory_List', parameters, { onLost: 'repeat' });
  return rows.map((row) => fleetMinute(row.MinuteUtc as Date, row));
}

export async function tenantHistory(
  database: Database,
  tenantId: string,
  sinceMs: number,
): Promise<TenantHour[]> {
  const parameters: Parameters = { Id: [text, tenantId], SinceMs: [bigint, wholeMs(sinceMs)] };
  const [rows = []] = await database.call('TenantHistory_List', parameters, { onLost: 'repeat' });
  return rows.map((row) => tenantHour(row.HourUtc as Date, row));
}
