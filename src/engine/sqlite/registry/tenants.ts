/** Adding, changing, pausing, retiring and reading tenants (F1, F2). */
import { MultiOutboxError } from '../../../errors.ts';
import type { ListTenants, TenantDefinition, TenantRecord, TenantStatus } from '../../registry.ts';
import type { Connection } from '../connection.ts';
import { definitionValues, type TenantRow, tenantColumns, tenantRecord } from './rows.ts';

const sql = {
  get: `SELECT ${tenantColumns} FROM Tenants WHERE Id = ?`,
  version: 'SELECT TenantVersion AS Version FROM RegistryState',
  nextVersion:
    'UPDATE RegistryState SET TenantVersion = TenantVersion + 1 RETURNING TenantVersion AS Version',
  userOfDatabase: `SELECT Id FROM Tenants WHERE DatabaseKey = ? AND Status <> 'retired' AND Id <> ?`,
  changed: `SELECT ${tenantColumns} FROM Tenants WHERE Version > ? ORDER BY Version`,
  insert: `INSERT INTO Tenants
      (Id, Server, DatabaseName, DatabaseKey, Auth, SchemaName, Priority, Weight, SlaSeconds, Tags, Overrides,
        Status, Version, AddedUtc, NextDueUtc, PlanVersion)
    VALUES (:id, :server, :database, :databaseKey, :auth, :schema, :priority, :weight, :slaSeconds, :tags, :overrides,
        'active', :version, :now, :now, :planVersion)`,
  remove: 'DELETE FROM Tenants WHERE Id = ?',
  change: `UPDATE Tenants
    SET Server = :server, DatabaseName = :database, DatabaseKey = :databaseKey, Auth = :auth, SchemaName = :schema,
      Priority = :priority, Weight = :weight, SlaSeconds = :slaSeconds, Tags = :tags, Overrides = :overrides,
      Version = :version,
      SchemaVersion = CASE WHEN DatabaseKey = :databaseKey AND SchemaName = :schema THEN SchemaVersion END
    WHERE Id = :id`,
  recordSchema: `UPDATE Tenants SET SchemaVersion = ? WHERE Id = ? AND Status <> 'retired'`,
  setStatus: `UPDATE Tenants
    SET Status = :status, Version = :version, NextDueUtc = CASE WHEN :status = 'active' THEN :now ELSE NextDueUtc END
    WHERE Id = :id`,
};

function rowOf(connection: Connection, tenantId: string): TenantRow | undefined {
  return connection.get<TenantRow>(sql.get, tenantId);
}

function nextVersion(connection: Connection): number {
  return connection.get<{ Version: number }>(sql.nextVersion)!.Version;
}

function recordOf(connection: Connection, tenantId: string): TenantRecord {
  return tenantRecord(rowOf(connection, tenantId)!);
}

function knownRow(connection: Connection, tenantId: string): TenantRow {
  const row = rowOf(connection, tenantId);
  if (row !== undefined && row.Status !== 'retired') return row;
  const what =
    row === undefined
      ? `the registry has no tenant '${tenantId}'; add it first`
      : `tenant '${tenantId}' is retired; add it again to bring it back`;
  throw new MultiOutboxError('UNKNOWN_TENANT', what, { tenantId });
}

function assertDatabaseFree(connection: Connection, databaseKey: string, tenantId: string): void {
  const other = connection.get<{ Id: string }>(sql.userOfDatabase, databaseKey, tenantId);
  if (other === undefined) return;
  throw new MultiOutboxError(
    'DATABASE_IN_USE',
    `tenant '${tenantId}': its database already belongs to tenant '${other.Id}'; give each tenant a database of its own`,
    { tenantId },
  );
}

export function addTenant(
  connection: Connection,
  definition: TenantDefinition,
  databaseKey: string,
  now: number,
): TenantRecord {
  const { id } = definition;
  const row = rowOf(connection, id);
  if (row !== undefined && row.Status !== 'retired') {
    throw new MultiOutboxError(
      'TENANT_EXISTS',
      `tenant '${id}' is already registered; choose another id, or remove that tenant first`,
      {
        tenantId: id,
      },
    );
  }
  assertDatabaseFree(connection, databaseKey, id);
  // A retired id gets a new row, but a higher plan version: a plan that read the old tenant must not get the new one.
  const planVersion = row === undefined ? 0 : row.PlanVersion + 1;
  if (row !== undefined) connection.run(sql.remove, id);
  const version = nextVersion(connection);
  connection
    .prepare(sql.insert)
    .run({ ...definitionValues(definition, databaseKey), version, now, planVersion });
  return recordOf(connection, id);
}

export function changeTenant(
  connection: Connection,
  definition: TenantDefinition,
  databaseKey: string,
): TenantRecord {
  knownRow(connection, definition.id);
  assertDatabaseFree(connection, databaseKey, definition.id);
  const version = nextVersion(connection);
  connection.prepare(sql.change).run({ ...definitionValues(definition, databaseKey), version });
  return recordOf(connection, definition.id);
}

export function setTenantStatus(
  connection: Connection,
  tenantId: string,
  status: TenantStatus,
  now: number,
): TenantRecord {
  const present = rowOf(connection, tenantId);
  if (present?.Status === status) return tenantRecord(present);
  knownRow(connection, tenantId);
  connection.prepare(sql.setStatus).run({ id: tenantId, status, version: nextVersion(connection), now });
  return recordOf(connection, tenantId);
}

export function recordTenantSchema(connection: Connection, tenantId: string, schemaVersion: number): void {
  connection.run(sql.recordSchema, schemaVersion, tenantId);
}

export function getTenant(connection: Connection, tenantId: string): TenantRecord | null {
  const row = rowOf(connection, tenantId);
  return row === undefined ? null : tenantRecord(row);
}

export function listTenants(connection: Connection, query: ListTenants): TenantRecord[] {
  const where = query.status === undefined ? '' : 'AND Status = :status';
  const rows = connection
    .prepare(`SELECT ${tenantColumns} FROM Tenants WHERE Id > :after ${where} ORDER BY Id LIMIT :limit`)
    .all({
      after: query.after ?? '',
      // A negative limit means no limit.
      limit: query.limit ?? -1,
      ...(query.status === undefined ? {} : { status: query.status }),
    });
  return (rows as unknown as TenantRow[]).map(tenantRecord);
}

export function tenantsChangedSince(
  connection: Connection,
  version: number | null,
): { version: number; tenants: TenantRecord[] } {
  const seen = connection.get<{ Version: number }>(sql.version)!.Version;
  if (version === null || version >= seen) return { version: seen, tenants: [] };
  return { version: seen, tenants: connection.all<TenantRow>(sql.changed, version).map(tenantRecord) };
}
