import { DatabaseSync } from 'node:sqlite';

/** Makes every time that is stored in a database of this project later by `ms`. */
export function moveTimes(path: string, ms: number): void {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  try {
    const columns = database
      .prepare(
        `SELECT t.name AS tableName, c.name AS columnName FROM sqlite_schema t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND c.name LIKE '%Utc'`,
      )
      .all() as { tableName: string; columnName: string }[];
    for (const { tableName, columnName } of columns) {
      database.prepare(`UPDATE ${tableName} SET ${columnName} = ${columnName} + ?`).run(ms);
    }
  } finally {
    database.close();
  }
}
