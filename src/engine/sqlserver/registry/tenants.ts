/** Adds, changes, pauses, retires and reads tenants (F1, F2). */
import type {
  ListTenants,
  TenantChanges,
  TenantDefinition,
  TenantEditor,
  TenantRecord,
} from '../../registry.ts';
import type { TenantStatus } from '../../tenant-status.ts';
import { bigint, bit, type Database, int, type Parameters, text } from '../database.ts';
import { definitionParameters, tenantRecord } from './rows.ts';

/**
 * Errors are about the registry's database and name the tenant in their text. An addition whose answer is lost is not
 * repeated: it would report that the tenant already exists.
 */
export async function addTenant(
  database: Database,
  definition: TenantDefinition,
  databaseKey: string,
  by: TenantEditor,
): Promise<TenantRecord> {
  const parameters: Parameters = { ...definitionParameters(definition, databaseKey), By: [text, by] };
  const [rows] = await database.call('Tenant_Add', parameters, { onLost: 'give-up' });
  return tenantRecord(rows![0]!);
}

/**
 * A change whose answer is lost is repeated. With an expected version the repeated call finds its own change, and fails; the
 * caller compares the definition.
 */
export async function changeTenant(
  database: Database,
  definition: TenantDefinition,
  databaseKey: string,
  expectedVersion?: number,
): Promise<TenantRecord> {
  const parameters: Parameters = {
    ...definitionParameters(definition, databaseKey),
    ...(expectedVersion !== undefined && { ExpectedVersion: [bigint, expectedVersion] as const }),
  };
  const [rows] = await database.call('Tenant_Change', parameters, { onLost: 'repeat' });
  return tenantRecord(rows![0]!);
}

export async function setTenantStatus(
  database: Database,
  tenantId: string,
  status: TenantStatus,
  by: TenantEditor,
): Promise<TenantRecord> {
  const parameters: Parameters = { Id: [text, tenantId], Status: [text, status], By: [text, by] };
  const [rows] = await database.call('Tenant_SetStatus', parameters, { onLost: 'repeat' });
  return tenantRecord(rows![0]!);
}

export async function recordTenantSchema(
  database: Database,
  tenantId: string,
  schemaVersion: number,
): Promise<void> {
  const parameters: Parameters = { Id: [text, tenantId], SchemaVersion: [int, schemaVersion] };
  await database.call('Tenant_RecordSchema', parameters, { onLost: 'repeat' });
}

export async function getTenant(database: Database, tenantId: string): Promise<TenantRecord | null> {
  const [rows] = await database.call('Tenant_Get', { Id: [text, tenantId] }, { onLost: 'repeat' });
  const row = rows![0];
  return row === undefined ? null : tenantRecord(row);
}

export async function listTenants(database: Database, query: ListTenants): Promise<TenantRecord[]> {
  const parameters: Parameters = {
    After: [text, query.after ?? ''],
    Status: [text, query.status ?? null],
    ...(query.parked === true && { Parked: [bit, true] as const }),
    ...(query.limit !== undefined && { Limit: [int, query.limit] as const }),
  };
  const [rows] = await database.call('Tenant_List', parameters, { onLost: 'repeat' });
  return rows!.map(tenantRecord);
}

export async function changesSince(database: Database, version: number | null): Promise<TenantChanges> {
  const parameters: Parameters = { Since: [bigint, version] };
  const [headers, rows] = await database.call('Tenant_Changes', parameters, { onLost: 'repeat' });
  const header = headers![0]!;
  const seen = Number(header.Version);
  const tenants = rows!.map(tenantRecord).filter((tenant) => tenant.version <= seen);
  return { version: seen, tenants, isWhole: header.IsWhole as boolean };
}
