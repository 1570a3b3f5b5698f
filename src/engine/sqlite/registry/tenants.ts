/** Adding, changing, pausing, retiring and reading tenants (F1, F2). */
import { MultiOutboxError, shownName } from '../../../errors.ts';
import type {
  ListTenants,
  TenantChanges,
  TenantDefinition,
  TenantEditor,
  TenantRecord,
} from '../../registry.ts';
import type { TenantStatus } from '../../tenant-status.ts';
import type { Connection } from '../connection.ts';
import { acceptedCount } from '../integers.ts';
import { definitionValues, type TenantRow, tenantColumns, tenantRecord } from './rows.ts';
import type { FileAddress, TenantFiles } from './tenant-files.ts';

/** What runs have reported of the tenant's queues belongs to its database, and so do they. */
const unlessMoved = (column: string, otherwise: string) =>
  `iif(DatabaseKey = :databaseKey AND SchemaName = :schema, ${column}, ${otherwise})`;

const hasNext = (version: string) => `${version} BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER - 1_000_000}`;

/** After a restart of the counter, the tenant's version may be less than before. Its runs still serve its present database. */
const databaseVersion = 'min(DatabaseVersion, :version)';

const isInFile = "(Server = '' AND Auth ->> '$.kind' <> 'setting')";

const sql = {
  get: `SELECT ${tenantColumns} FROM Tenants WHERE Id = ?`,
  version: `SELECT ${acceptedCount('TenantVersion')} AS Version FROM RegistryState`,
  // At random, so that a restored registry does not give a version that a host has seen to another change.
  // After a version that is too large, which another program has stored, it follows those of the tenants.
  nextVersion: `UPDATE RegistryState SET TenantVersion = 1 + abs(random() % 1000000) + iif(${hasNext('TenantVersion')}, TenantVersion,
      coalesce((SELECT max(Version) FROM Tenants WHERE ${hasNext('Version')}), 0))
    RETURNING TenantVersion AS Version`,
  hasVersion: 'SELECT 1 FROM Tenants WHERE Version = ?',
  userOfDatabase: `SELECT Id FROM Tenants WHERE DatabaseKey = ? AND Status <> 'retired' AND Id <> ?`,
  userOfFile: `SELECT Id FROM Tenants INDEXED BY Tenants_FileId
    WHERE FileId = ? AND Status <> 'retired' AND Id <> ?`,
  others: `SELECT Id AS id, Server AS server, DatabaseName AS database FROM Tenants
    WHERE ${isInFile} AND Status <> 'retired' AND Id <> ?`,
  addressOf: `SELECT Id AS id, Server AS server, DatabaseName AS database FROM Tenants WHERE ${isInFile} AND Id = ?`,
  changed: `SELECT ${tenantColumns} FROM Tenants WHERE Version > ? ORDER BY Tenants.Version`,
  insert: `INSERT INTO Tenants
      (Id, Server, DatabaseName, DatabaseKey, FileId, Auth, SchemaName, Priority, Weight, SlaSeconds, Tags, Overrides,
        Status, PausedByOperator, Version, DatabaseVersion, AddedUtc, NextDueUtc, PlanVersion)
    VALUES (:id, :server, :database, :databaseKey, :fileId, :auth, :schema, :priority, :weight, :slaSeconds, :tags, :overrides,
        iif(:paused, 'paused', 'active'), :paused, :version, :version, :now, :now, :planVersion)`,
  remove: 'DELETE FROM Tenants WHERE Id = ?',
  change: `UPDATE Tenants
    SET Server = :server, DatabaseName = :database, DatabaseKey = :databaseKey, FileId = :fileId, Auth = :auth, SchemaName = :schema,
      Priority = :priority, Weight = :weight, SlaSeconds = :slaSeconds, Tags = :tags, Overrides = :overrides,
      Version = :version, DatabaseVersion = ${unlessMoved(databaseVersion, ':version')},
      InFlight = ${unlessMoved('InFlight', '0')},
      NextDueUtc = ${unlessMoved('NextDueUtc', 'min(coalesce(NextDueUtc, :now), :now)')},
      SchemaVersion = ${unlessMoved('SchemaVersion', 'NULL')},
      OutboxState = ${unlessMoved('OutboxState', 'NULL')}, OutboxStateUtc = ${unlessMoved('OutboxStateUtc', ':now')},
      InboxState = ${unlessMoved('InboxState', 'NULL')}, InboxStateUtc = ${unlessMoved('InboxStateUtc', ':now')},
      LongestWaitMs = ${unlessMoved('LongestWaitMs', 'NULL')}, LongestWaitUtc = ${unlessMoved('LongestWaitUtc', 'NULL')},
      FailingTopics = ${unlessMoved('FailingTopics', "'[]'")}, Backlog = ${unlessMoved('Backlog', '0')}
    WHERE Id = :id`,
  recordSchema: `UPDATE Tenants SET SchemaVersion = ?, FileId = coalesce(?, FileId) WHERE Id = ? AND Status <> 'retired'`,
  setStatus: `UPDATE Tenants
    SET Status = :status, PausedByOperator = :paused, Version = :version, DatabaseVersion = ${databaseVersion},
      NextDueUtc = CASE WHEN :status = 'active' THEN :now ELSE NextDueUtc END
    WHERE Id = :id`,
};

const hasParked =
  "AND coalesce(OutboxState ->> '$.parked[0].topic', InboxState ->> '$.parked[0].topic') IS NOT NULL";

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
      ? `the registry has no tenant '${shownName(tenantId)}'; add it first`
      : `tenant '${tenantId}' is retired; add it again to bring it back`;
  throw new MultiOutboxError('UNKNOWN_TENANT', what, { tenantId });
}

/** A definition with the key of its database. */
interface Keyed {
  readonly definition: TenantDefinition;
  readonly databaseKey: string;
}

/**
 * The tenant's database is known by its path, by the file that was found there earlier, whatever its path is now, and by
 * the files that the others' paths name now.
 */
function assertDatabaseFree(
  connection: Connection,
  files: TenantFiles,
  { definition, databaseKey }: Keyed,
  fileId: string | null,
): void {
  const { id: tenantId } = definition;
  const userBy = (statement: string, key: string) =>
    connection.get<{ Id: string }>(statement, key, tenantId)?.Id;
  const other =
    userBy(sql.userOfDatabase, databaseKey) ??
    (fileId === null ? undefined : userBy(sql.userOfFile, fileId)) ??
    files.sharer(definition, () => connection.all<FileAddress>(sql.others, tenantId));
  if (other === undefined) return;
  throw new MultiOutboxError(
    'DATABASE_IN_USE',
    `tenant '${tenantId}': its database already belongs to tenant '${other}'; give each tenant a database of its own`,
    { tenantId },
  );
}

export function addTenant(
  connection: Connection,
  files: TenantFiles,
  keyed: Keyed,
  by: TenantEditor,
  now: number,
): TenantRecord {
  const { definition, databaseKey } = keyed;
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
  const fileId = files.idOf(definition);
  assertDatabaseFree(connection, files, keyed, fileId);
  // A retired id gets a new row, but a higher plan version: a plan that read the old tenant must not get the new one.
  const planVersion =
    typeof row?.PlanVersion === 'number' ? (row.PlanVersion % Number.MAX_SAFE_INTEGER) + 1 : 0;
  const paused = by === 'directory' && row?.PausedByOperator === 1 ? 1 : 0;
  if (row !== undefined) connection.run(sql.remove, id);
  const version = nextVersion(connection);
  connection
    .prepare(sql.insert)
    .run({ ...definitionValues(definition, databaseKey), fileId, paused, version, now, planVersion });
  return recordOf(connection, id);
}

export function changeTenant(
  connection: Connection,
  files: TenantFiles,
  keyed: Keyed,
  expectedVersion: number | undefined,
  now: number,
): TenantRecord {
  const { definition, databaseKey } = keyed;
  const row = knownRow(connection, definition.id);
  if (expectedVersion !== undefined && tenantRecord(row).version !== expectedVersion)
    throw new MultiOutboxError(
      'TENANT_CHANGED',
      `tenant '${definition.id}' has changed since it was read; read it again, and make the change on what it is now`,
      { tenantId: definition.id },
    );
  const fileId = files.idOf(definition);
  assertDatabaseFree(connection, files, keyed, fileId);
  const version = nextVersion(connection);
  connection.prepare(sql.change).run({ ...definitionValues(definition, databaseKey), fileId, version, now });
  return recordOf(connection, definition.id);
}

export function setTenantStatus(
  connection: Connection,
  tenantId: string,
  status: TenantStatus,
  by: TenantEditor,
  now: number,
): TenantRecord {
  const present = rowOf(connection, tenantId);
  const was = present?.PausedByOperator === 1 ? 1 : 0;
  const isRefused = by === 'directory' && status === 'active' && present?.Status === 'paused' && was === 1;
  const paused = by === 'directory' || status === 'retired' ? was : status === 'paused' ? 1 : 0;
  if (present !== undefined && (isRefused || (present.Status === status && paused === was)))
    return tenantRecord(present);
  knownRow(connection, tenantId);
  connection
    .prepare(sql.setStatus)
    .run({ id: tenantId, status, paused, version: nextVersion(connection), now });
  return recordOf(connection, tenantId);
}

/** The migration may have created the file, so the registry learns which file it is. */
export function recordTenantSchema(
  connection: Connection,
  files: TenantFiles,
  tenantId: string,
  schemaVersion: number,
): void {
  const address = connection.get<FileAddress>(sql.addressOf, tenantId);
  const fileId = address === undefined ? null : files.idOf(address);
  connection.run(sql.recordSchema, schemaVersion, fileId, tenantId);
}

export function getTenant(connection: Connection, tenantId: string): TenantRecord | null {
  const row = rowOf(connection, tenantId);
  return row === undefined ? null : tenantRecord(row);
}

export function listTenants(connection: Connection, query: ListTenants): TenantRecord[] {
  const ofStatus = query.status === undefined ? '' : 'AND Status = :status';
  const where = `${ofStatus} ${query.parked === true ? hasParked : ''}`;
  const rows = connection
    .prepare(`SELECT ${tenantColumns} FROM Tenants WHERE Id > :after ${where} ORDER BY Id LIMIT :limit + 0`)
    .all({
      after: query.after ?? '',
      // A negative limit means no limit.
      limit: query.limit ?? -1,
      ...(query.status === undefined ? {} : { status: query.status }),
    });
  return (rows as unknown as TenantRow[]).map(tenantRecord);
}

export function tenantsChangedSince(connection: Connection, version: number | null): TenantChanges {
  const latest = connection.get<{ Version: number }>(sql.version)!.Version;
  if (version === null || version === latest) return { version: latest, tenants: [], isWhole: false };
  const isWhole = version !== 0 && connection.get(sql.hasVersion, version) === undefined;
  const rows = connection.all<TenantRow>(sql.changed, isWhole ? 0 : version);
  return { version: latest, tenants: rows.map(tenantRecord), isWhole };
}
