/** The raw loop on the registry's database: reads the due tenants from their index, moves their due times. */
import mssql from 'mssql';
import type { RawRegistry } from '../place.ts';

export function openRawRegistry(pool: mssql.ConnectionPool): RawRegistry {
  return {
    async wake(tenantIds) {
      await new mssql.Request(pool)
        .input('ids', mssql.NVarChar(mssql.MAX), JSON.stringify(tenantIds))
        .query(
          'UPDATE messaging.Tenants SET NextDueUtc = SYSUTCDATETIME() WHERE Id IN (SELECT value FROM OPENJSON(@ids))',
        );
    },
    async plan() {
      const due = await new mssql.Request(pool).query<{ Id: string }>(
        `SELECT * FROM messaging.Tenants
        WHERE Status = N'active' AND NextDueUtc IS NOT NULL AND NextDueUtc <= SYSUTCDATETIME() ORDER BY NextDueUtc, Id`,
      );
      const moved = await new mssql.Request(pool)
        .input('ids', mssql.NVarChar(mssql.MAX), JSON.stringify(due.recordset.map(({ Id }) => Id)))
        .query(
          `UPDATE messaging.Tenants SET NextDueUtc = DATEADD(hour, 1, SYSUTCDATETIME()), LastPlannedUtc = SYSUTCDATETIME()
          WHERE Id IN (SELECT value FROM OPENJSON(@ids))`,
        );
      return moved.rowsAffected[0]!;
    },
    close: () => pool.close(),
  };
}
