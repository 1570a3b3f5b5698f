/** The steps that a database has, as it keeps them itself. */
import type * as mssql from 'mssql';

export interface JournalRow {
  readonly Version: number;
  readonly Name: string;
  readonly Checksum: string;
}

/** In order; none when the database has no schema. */
export async function readJournal(request: mssql.Request, schema: string): Promise<JournalRow[]> {
  // A procedure, since the roles have no right on the table, and what may not be read seems not to be there.
  const list = `[${schema}].[SchemaJournal_List]`;
  const found = await request.query(`SELECT OBJECT_ID(N'${list}', N'P') AS Id`);
  if (found.recordset[0]?.Id == null) return [];
  const rows = await request.query(`EXEC ${list}`);
  return rows.recordset as unknown as JournalRow[];
}
