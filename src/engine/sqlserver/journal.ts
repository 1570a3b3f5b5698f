/** Reads the migration steps that a database records about itself. */
import type * as mssql from 'mssql';

export interface JournalRow {
  readonly Version: number;
  readonly Name: string;
  readonly Checksum: string;
}

/** Returns the steps in order; none when the database has no schema. */
export async function readJournal(request: mssql.Request, schema: string): Promise<JournalRow[]> {
  // Call a procedure: the roles may not read the table, and OBJECT_ID is null for an object without permission.
  const list = `[${schema}].[SchemaJournal_List]`;
  const found = await request.query(`SELECT OBJECT_ID(N'${list}', N'P') AS Id`);
  if (found.recordset[0]?.Id == null) return [];
  const rows = await request.query(`EXEC ${list}`);
  return rows.recordset as unknown as JournalRow[];
}
