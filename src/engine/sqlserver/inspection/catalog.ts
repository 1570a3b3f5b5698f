/** Reads a database's catalog in one round trip. Names are in lower case. */
import type * as mssql from 'mssql';

export interface Catalog {
  readonly readCommittedSnapshot: boolean;
  readonly babelfish: boolean;
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
  readonly indexes: readonly { readonly table: string; readonly name: string }[];
  /** Definitions by name; null when the login may not read it. */
  readonly modules: ReadonlyMap<string, string | null>;
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
      SERVERPROPERTY('Babelfish') AS Babelfish,
      HAS_PERMS_BY_NAME(N'[${schema}]', N'SCHEMA', N'VIEW DEFINITION') AS Definitions,
      IS_ROLEMEMBER(N'db_owner') AS Owner, USER_NAME() AS UserName
    FROM sys.databases d WHERE d.name = DB_NAME();
    SELECT t.name AS TableName, c.name AS Name, ty.name AS Type, c.max_length AS Length, c.is_nullable AS Nullable,
      c.is_computed AS Computed
    FROM sys.columns c JOIN sys.tables t ON t.object_id = c.object_id
    JOIN sys.types ty ON ty.user_type_id = c.user_type_id
    WHERE t.schema_id = SCHEMA_ID(N'${schema}');
    SELECT t.name AS TableName, i.name AS Name
    FROM sys.indexes i JOIN sys.tables t ON t.object_id = i.object_id
    WHERE t.schema_id = SCHEMA_ID(N'${schema}') AND i.name IS NOT NULL;
    SELECT o.name AS Name, m.definition AS Definition
    FROM sys.objects o LEFT JOIN sys.sql_modules m ON m.object_id = o.object_id
    WHERE o.schema_id = SCHEMA_ID(N'${schema}') AND o.type IN ('P', 'FN', 'V');
    SELECT p.name AS Name FROM sys.database_principals p WHERE p.type = 'R';
    ${procedures.map((name) => `SELECT N'${name}' AS Name, HAS_PERMS_BY_NAME(N'[${schema}].[${name}]', N'OBJECT', N'EXECUTE') AS Allowed`).join(' UNION ALL ')}`);
  const [facts, columns, indexes, modules, roles, rights = []] = result.recordsets as unknown as Record<
    string,
    unknown
  >[][];
  const fact = facts![0]!;
  const lower = (value: unknown) => String(value).toLowerCase();
  const babelfish = Number(fact.Babelfish ?? 0) === 1;
  return {
    readCommittedSnapshot: fact.Snapshot === true,
    babelfish,
    // Babelfish does not have this permission; there an owner sees everything.
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
    indexes: indexes!.map((row) => ({ table: lower(row.TableName), name: lower(row.Name) })),
    modules: new Map(modules!.map((row) => [lower(row.Name), row.Definition as string | null])),
    roles: new Set(roles!.map((row) => lower(row.Name))),
    refused: rights.filter((row) => Number(row.Allowed) !== 1).map((row) => row.Name as string),
  };
}
