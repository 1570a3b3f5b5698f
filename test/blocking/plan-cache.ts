/** Reads the server's cached plans of a database's procedures, and the actual plans of statements that are never cached. */
import type * as mssql from 'mssql';
import { patientRequest } from './backlog.ts';

export interface ProcedurePlan {
  readonly procedure: string;
  /** A showplan: XML with every statement of the procedure that has been compiled. */
  readonly showplan: string;
}

/** Removes the cached plans of this database. The statistics are brought up to date, so that new plans know its size. */
export async function forgetPlans(pool: mssql.ConnectionPool): Promise<void> {
  for (const table of ['Outbox', 'Inbox', 'Leases'])
    await patientRequest(pool).batch(`UPDATE STATISTICS messaging.${table}`);
  await pool.request().batch('ALTER DATABASE SCOPED CONFIGURATION CLEAR PROCEDURE_CACHE');
}

/**
 * The cached plans of this database's procedures. A procedure has one plan for each set of options (SET) that its callers
 * have. The function for text is used because the XML type refuses plans of more than 128 levels.
 */
export async function cachedPlans(pool: mssql.ConnectionPool): Promise<ProcedurePlan[]> {
  const { recordset } = await pool.request().query<{ Name: string; Showplan: string | null }>(`
    SELECT OBJECT_NAME(s.object_id, s.database_id) AS Name, p.query_plan AS Showplan
    FROM sys.dm_exec_procedure_stats s CROSS APPLY sys.dm_exec_text_query_plan(s.plan_handle, 0, -1) p
    WHERE s.database_id = DB_ID()`);
  return recordset.flatMap(({ Name, Showplan }) =>
    Showplan === null ? [] : [{ procedure: Name, showplan: Showplan }],
  );
}

/** The procedures of the schema. */
export async function procedures(pool: mssql.ConnectionPool): Promise<string[]> {
  const { recordset } = await pool
    .request()
    .query<{ name: string }>(
      `SELECT name FROM sys.procedures WHERE schema_id = SCHEMA_ID(N'messaging') ORDER BY name`,
    );
  return recordset.map(({ name }) => name);
}

/** The actual plans of a batch's statements, and of the statements in the procedures that the batch calls. */
export async function actualPlans(pool: mssql.ConnectionPool, batch: string): Promise<string[]> {
  const result = await pool.request().batch(`SET STATISTICS XML ON;\n${batch};\nSET STATISTICS XML OFF;`);
  const rows = (result.recordsets as unknown as Record<string, unknown>[][]).flat();
  return rows
    .flatMap((row) => Object.values(row))
    .filter((value): value is string => typeof value === 'string' && value.startsWith('<ShowPlanXML'));
}
