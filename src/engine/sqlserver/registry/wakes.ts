/** Wakes (F7). */
import type { ChooseWoken, Woken } from '../../registry.ts';
import { bigint, type Database, int, longText } from '../database.ts';
import { wholeMs } from '../text.ts';
import { tenantRecord } from './rows.ts';

/**
 * When the answer is lost, tenants that the call had chosen are due again after the redispatch time, as if their requests
 * were lost.
 */
export async function wakeTenants(
  database: Database,
  tenantIds: readonly string[],
  choose: ChooseWoken | undefined,
): Promise<Woken> {
  const [states, chosen] = await database.call(
    'Tenant_Wake',
    {
      Ids: [longText, JSON.stringify(tenantIds)],
      Capacity: [int, Math.min(choose?.capacity ?? 0, tenantIds.length)],
      RedispatchMs: [bigint, wholeMs(choose?.redispatchMs ?? 0)],
    },
    { onLost: 'repeat' },
  );
  const stateOf = new Map(states!.map((row) => [row.TenantId as string, row.State as string]));
  const woken = [...new Set(tenantIds)].filter((tenantId) => stateOf.has(tenantId));
  const inState = (state: string) => woken.filter((tenantId) => stateOf.get(tenantId) === state);
  return {
    tenantIds: woken,
    chosen: chosen!.map(tenantRecord),
    due: inState('due'),
    inFlight: inState('in-flight'),
    durable: Promise.resolve(),
  };
}

export async function hasWoken(database: Database): Promise<boolean> {
  const [rows] = await database.call('Tenant_HasWoken', {}, { onLost: 'repeat' });
  return rows![0]!.HasWoken as boolean;
}
