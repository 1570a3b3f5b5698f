/** Reads a database's catalog in one round trip. Names are in lower case. */
import type * as mssql from 'mssql';
import { factColumns, factsOf, type ServerFacts } from './requirements.ts';

export interface CatalogIndex {
  readonly table: string;
  readonly name: string;
  readonly unique: boolean;
  readonly disabled: boolean;
  readonly pageLocks: boolean;
  /** In the server's own spelling; null when the index has no filter. */
  readonly filter: string | null;
}

export interface Catalog {
  /** The schema's name, as the caller gave it. */
  readonly schema: string;
  readonly facts: ServerFacts;
  readonly readCommittedSnapshot: boolean;
  readonly babelfish: boolean;
  /** Null when it is not known. */
  readonly schemaOwner: string | null;
  /** Objects of the schema that have an owner of their own. */
  readonly objectsOfOthers: readonly string[];
  /** False when the login lacks a permission, so that the catalog may omit objects. */
  readonly complete: boolean;
  readonly columns: readonly {
    readonly table: string;
    readonly name: string;
    readonly type: string;
    readonly length: number;
    readonly nullable: boolean;
    readonly computed: boolean;
  }[];
  /** `TABLE`, `AUTO` or `DISABLE`, by table. */
  readonly lockEscalation: ReadonlyMap<string, string>;
  readonly indexes: readonly CatalogIndex[];
  /** Definitions by name; null when the login may not read it. */
  readonly modules: ReadonlyMap<string, string | null>;
  /**
   * Modules that were created with QUOTED_IDENTIFIER or ANSI_NULLS off; the server stores both settings with a module.
   */
  readonly createdWithoutAnsi: ReadonlySet<string>;
  readonly roles: ReadonlySet<string>;
  /** The requested procedures that this login may not execute. */
  readonly refused: readonly string[];
}

/**
 * @param schema a plain identifier
 * @param procedures plain names, without the schema
 */
export async function readCatalog(
  request: mssql.Request,
  schema: string,
  procedures: readonly string[],
): Promise<Catalog> {
  const result = await request.query(`
    SELECT d.is_read_committed_snapshot_on AS Snapshot,
      ${factColumns},
      USER_NAME((SELECT s.principal_id FROM sys.schemas s WHERE s.schema_id = SCHEMA_ID(N'${schema}'))) AS SchemaOwner,
      HAS_PERMS_BY_NAME(N'[${schema}]', N'SCHEMA', N'VIEW DEFINITION') AS Definitions,
      IS_ROLEMEMBER(N'db_owner') AS Owner, USER_NAME() AS UserName
    FROM sys.databases d WHERE d.name = DB_NAME();
    SELECT t.name AS TableName, c.name AS Name, ty.name AS Type, c.max_length AS Length, c.is_nullable AS Nullable,
      c.is_computed AS Computed
    FROM sys.columns c JOIN sys.tables t ON t.object_id = c.object_id
    JOIN sys.types ty ON ty.user_type_id = c.user_type_id
    WHERE t.schema_id = SCHEMA_ID(N'${schema}');
    SELECT t.name AS Name, t.lock_escalation_desc AS Escalation FROM sys.tables t WHERE t.schema_id = SCHEMA_ID(N'${schema}');
    SELECT t.name AS TableName, i.name AS Name, i.is_unique AS IsUnique, i.is_disabled AS IsDisabled,
      i.allow_page_locks AS PageLocks, i.filter_definition AS Filter
    FROM sys.indexes i JOIN sys.tables t ON t.object_id = i.object_id
    WHERE t.schema_id = SCHEMA_ID(N'${schema}') AND i.name IS NOT NULL;
    SELECT o.name AS Name, m.definition AS Definition, m.uses_ansi_nulls AS AnsiNulls, m.uses_quoted_identifier AS Quoted
    FROM sys.objects o LEFT JOIN sys.sql_modules m ON m.object_id = o.object_id
    WHERE o.schema_id = SCHEMA_ID(N'${schema}') AND o.type IN ('P', 'FN', 'V');
    SELECT p.name AS Name FROM sys.database_principals p WHERE p.type = 'R';
    SELECT o.name AS Name FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
    WHERE s.schema_id = SCHEMA_ID(N'${schema}') AND o.type IN ('U', 'P', 'FN', 'V') AND o.principal_id <> s.principal_id;
    ${procedures.map((name) => `SELECT N'${name}' AS Name, HAS_PERMS_BY_NAME(N'[${schema}].[${name}]', N'OBJECT', N'EXECUTE') AS Allowed`).join(' UNION ALL ')}`);
  const [rows, columns, tables, indexes, modules, roles, others, rights = []] =
    result.recordsets as unknown as Record<string, unknown>[][];
  const fact = rows![0]!;
  const facts = factsOf(fact);
  const { babelfish } = facts;
  const lower = (value: unknown) => String(value).toLowerCase();
  return {
    schema,
    facts,
    // Babelfish shows names of its own here.
    schemaOwner: babelfish ? null : ((fact.SchemaOwner as string | null) ?? null),
    objectsOfOthers: babelfish ? [] : others!.map((row) => String(row.Name)),
    lockEscalation: new Map(tables!.map((row) => [lower(row.Name), String(row.Escalation)])),
    readCommittedSnapshot: fact.Snapshot === true,
    babelfish,
    // Babelfish does not have the permission VIEW DEFINITION; there an owner sees everything.
    complete: babelfish
      ? Number(fact.Owner) === 1 || fact.UserName === 'dbo'
      : Number(fact.Definitions) === 1,
    columns: columns!.map((row) => ({
      table: lower(row.TableName),
      name: lower(row.Name),
      type: lower(row.Type),
      length: Number(row.Length),
      nullable: row.Nullable === true,
      computed: row.Computed === true,
    })),
    indexes: indexes!.map((row) => ({
      table: lower(row.TableName),
      name: lower(row.Name),
      unique: row.IsUnique === true,
      disabled: row.IsDisabled === true,
      pageLocks: row.PageLocks === true,
      filter: (row.Filter as string | null) ?? null,
    })),
    modules: new Map(modules!.map((row) => [lower(row.Name), row.Definition as string | null])),
    createdWithoutAnsi: new Set(
      modules!.filter((row) => row.AnsiNulls === false || row.Quoted === false).map((row) => lower(row.Name)),
    ),
    roles: new Set(roles!.map((row) => lower(row.Name))),
    refused: rights.filter((row) => Number(row.Allowed) !== 1).map((row) => row.Name as string),
  };
}
