import * as mssql from 'mssql';

/** Makes every time that is stored in the tables of a schema later by `ms`. */
export async function moveTimes(pool: mssql.ConnectionPool, ms: number, schema = 'messaging'): Promise<void> {
  const { recordset } = await new mssql.Request(pool).query<{ tableName: string; columnName: string }>(
    `SELECT t.name AS tableName, c.name AS columnName FROM sys.tables t
    JOIN sys.columns c ON c.object_id = t.object_id
    WHERE t.schema_id = SCHEMA_ID('${schema}') AND c.name LIKE '%Utc' AND c.is_computed = 0`,
  );
  const statements = recordset.map(
    ({ tableName, columnName }) =>
      `UPDATE ${schema}.[${tableName}] SET [${columnName}] = DATEADD(millisecond, ${ms}, [${columnName}])`,
  );
  await pool.batch(statements.join(';\n'));
}
