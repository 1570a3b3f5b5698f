/**
 * A procedure of the benchmark's own, to compare with: each call settles the last batch, claims the next one and reads it,
 * by the same three statements as the embedded engine's raw loop.
 */
import mssql from 'mssql';
import type { RawMessage } from '../place.ts';

const name = 'dbo.BenchStep';

const definition = `CREATE PROCEDURE ${name} @Limit int
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
BEGIN TRANSACTION;
UPDATE messaging.Outbox SET Status = 2, SettledUtc = @Now, ClaimFence = NULL WHERE Status = 1;
UPDATE messaging.Outbox SET Status = 1, Attempts = Attempts + 1, ClaimFence = 1 WHERE Sequence IN (
  SELECT TOP (@Limit) Sequence FROM messaging.Outbox WHERE Status = 0 AND Blocked = 0 AND DueUtc <= @Now ORDER BY DueUtc, Sequence);
SELECT Sequence, MessageId AS messageId, Topic AS topic, CorrelationId, OrderingKey, EnqueuedUtc, DueUtc, Attempts, Headers,
  Payload AS payload
FROM messaging.Outbox WHERE Status = 1;
COMMIT;`;

/** Creates the procedure unless the database has it from an earlier repetition; returns a function that calls it. */
export async function minimalStep(
  pool: mssql.ConnectionPool,
): Promise<(limit: number) => Promise<RawMessage[]>> {
  const { recordset } = await new mssql.Request(pool).query(`SELECT OBJECT_ID(N'${name}') AS Id`);
  if (recordset[0]!.Id === null) await new mssql.Request(pool).batch(definition);
  return async (limit) => {
    const request = new mssql.Request(pool).input('Limit', mssql.Int(), limit);
    return (await request.execute<RawMessage>(name)).recordset;
  };
}
