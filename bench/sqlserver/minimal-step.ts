/**
 * A procedure of the benchmark's own, to compare with: each call settles the last batch, claims the next one and reads it,
 * by the same three statements as the embedded engine's raw loop.
 */
import mssql from 'mssql';
import type { RawExtra, RawMessage } from '../place.ts';

const isHead = `
  AND NOT EXISTS (
    SELECT 1 FROM messaging.Outbox e WHERE e.OrderingHash = q.OrderingHash AND e.InGroup = 1 AND e.OrderingKey IS NOT NULL AND e.Sequence < q.Sequence)`;

const leaseRow = `DELETE FROM messaging.Leases WHERE Name = N'raw';
INSERT messaging.Leases (Name, Owner, Fence, CallId) VALUES (N'raw', N'raw', 1, NEWID())`;

const renewal = `
UPDATE messaging.Leases SET RenewedUtc = @Now, ExpiresUtc = DATEADD(minute, 1, @Now), CallId = NEWID()
WHERE NameHash = HASHBYTES('SHA2_256', N'raw') AND Owner = N'raw' AND Fence = 1 AND CallId IS NOT NULL;
IF @@ROWCOUNT <> 1 THROW 50001, N'The minimal loop has lost its lease.', 1;`;

const definitionOf = (name: string, extra: RawExtra | undefined) => `CREATE PROCEDURE ${name} @Limit int
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
BEGIN TRANSACTION;${extra === 'lease' ? renewal : ''}
UPDATE messaging.Outbox SET Status = 2, SettledUtc = @Now, ClaimFence = NULL${extra === 'keys' ? ', InGroup = 0' : ''} WHERE Status = 1;
UPDATE messaging.Outbox SET Status = 1, Attempts = Attempts + 1, ClaimFence = 1 WHERE Sequence IN (
  SELECT TOP (@Limit) Sequence FROM messaging.Outbox q
  WHERE Status = 0 AND Blocked = 0 AND DueUtc <= @Now${extra === 'keys' ? isHead : ''} ORDER BY DueUtc, Sequence);
SELECT Sequence, MessageId AS messageId, Topic AS topic, CorrelationId, OrderingKey, EnqueuedUtc, DueUtc, Attempts, Headers,
  Payload AS payload
FROM messaging.Outbox WHERE Status = 1;
COMMIT;`;

/** Creates the procedure unless the database has it already; returns a function that calls it. */
export async function minimalStep(
  pool: mssql.ConnectionPool,
  extra?: RawExtra,
): Promise<(limit: number) => Promise<RawMessage[]>> {
  const name = `dbo.BenchStep_${extra ?? 'plain'}`;
  const { recordset } = await new mssql.Request(pool).query(`SELECT OBJECT_ID(N'${name}') AS Id`);
  if (recordset[0]!.Id === null) await new mssql.Request(pool).batch(definitionOf(name, extra));
  if (extra === 'lease') await new mssql.Request(pool).query(leaseRow);
  return async (limit) => {
    const request = new mssql.Request(pool).input('Limit', mssql.Int(), limit);
    return (await request.execute<RawMessage>(name)).recordset;
  };
}
