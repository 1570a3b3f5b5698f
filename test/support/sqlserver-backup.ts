/** Backs up the tables of a schema, and puts their rows back: what a restore does to the program, on any server. */
import * as mssql from 'mssql';
import type { Restore } from './sqlite-backup.ts';

interface Table {
  readonly name: string;
  readonly columns: string;
  readonly identity: number;
}

export async function backUpTables(pool: mssql.ConnectionPool, schema = 'messaging'): Promise<Restore> {
  const { recordset } = await new mssql.Request(pool).query<{
    name: string;
    column: string;
    identity: number;
  }>(
    `SELECT t.name, c.name AS [column], CAST(c.is_identity AS int) AS [identity] FROM sys.tables t
    JOIN sys.columns c ON c.object_id = t.object_id
    WHERE t.schema_id = SCHEMA_ID('${schema}') AND t.name <> 'SchemaJournal' AND c.is_computed = 0`,
  );
  const tables = [...new Set(recordset.map(({ name }) => name))].map((name): Table => {
    const own = recordset.filter((row) => row.name === name);
    const columns = own.map(({ column }) => `[${column}]`).join(', ');
    return { name, columns, identity: Math.max(...own.map(({ identity }) => identity)) };
  });
  for (const { name, columns } of tables) {
    await pool.batch(`DROP TABLE IF EXISTS dbo.[Backup_${name}]`);
    await pool.batch(`SELECT ${columns} INTO dbo.[Backup_${name}] FROM ${schema}.[${name}]`);
  }
  return async () => {
    for (const table of tables) await putBack(pool, schema, table);
  };
}

async function putBack(
  pool: mssql.ConnectionPool,
  schema: string,
  { name, columns, identity }: Table,
): Promise<void> {
  const target = `${schema}.[${name}]`;
  const insert = `INSERT ${target} (${columns}) SELECT ${columns} FROM dbo.[Backup_${name}]`;
  // TRUNCATE sets the next identity back to 1; inserted values of the identity raise it.
  const statements = [`TRUNCATE TABLE ${target}`];
  if (identity === 0) statements.push(insert);
  else statements.push(`SET IDENTITY_INSERT ${target} ON`, insert, `SET IDENTITY_INSERT ${target} OFF`);
  await pool.batch(statements.join(';\n'));
}
