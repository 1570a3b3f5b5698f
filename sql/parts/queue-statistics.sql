-- Counts of a work queue, and one message as it is stored: for people who ask, never for a plan (F6).
-- Held back are those whose HeldBack is 1 and the strays that no run has met yet.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Statistics]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Statistics] AS RETURN 0');
GO
-- One row: how many messages are in each state. Each count reads the index that holds just those rows.
ALTER PROCEDURE [$(Schema)].[$(Queue)_Statistics]
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
SELECT f.Forward, f.Due, f.Strays, f.ForwardParked, b.Back, b.BackParked, c.Claimed, d.Done, e.Dead,
  DATEDIFF_BIG(millisecond, f.NextDueUtc, @Now) AS NextDueAgeMs
FROM (
    SELECT COALESCE(SUM(1 - v.Stray), 0) AS Forward, COALESCE(SUM(v.Stray), 0) AS Strays,
      COALESCE(SUM(CASE WHEN v.DueUtc <= @Now AND v.Stray = 0 THEN 1 ELSE 0 END), 0) AS Due,
      COALESCE(SUM(CASE WHEN v.Parks > 0 THEN 1 ELSE 0 END), 0) AS ForwardParked,
      MIN(CASE WHEN v.Stray = 0 THEN v.DueUtc END) AS NextDueUtc
    FROM (
      SELECT q.DueUtc, q.Parks, CASE WHEN q.OrderingHash IS NOT NULL AND (
          EXISTS (
            SELECT 1 FROM [$(Schema)].[$(Queue)] l
            WHERE l.OrderingHash = q.OrderingHash AND l.InLine = 1 AND l.OrderingKey IS NOT NULL AND l.Sequence < q.Sequence)
          OR EXISTS (SELECT 1 FROM [$(Schema)].[$(Queue)] r WHERE r.OrderingHash = q.OrderingHash AND r.Status = 1))
        THEN 1 ELSE 0 END AS Stray
      FROM [$(Schema)].[$(Queue)] q WHERE q.Status = 0 AND q.HeldBack = 0
    ) v
  ) f,
  (
    SELECT COUNT(*) AS Back, COALESCE(SUM(CASE WHEN Parks > 0 THEN 1 ELSE 0 END), 0) AS BackParked
    FROM [$(Schema)].[$(Queue)] WHERE InLine = 1 AND OrderingKey IS NOT NULL AND Status = 0 AND HeldBack = 1
  ) b,
  (SELECT COUNT(*) AS Claimed FROM [$(Schema)].[$(Queue)] WHERE Status = 1) c,
  (SELECT COUNT_BIG(*) AS Done FROM [$(Schema)].[$(Queue)] WHERE Status = 2) d,
  (SELECT COUNT(*) AS Dead FROM [$(Schema)].[$(Queue)] WHERE Status = 3) e;
GO
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Get]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Get] AS RETURN 0');
GO
-- One row: the message as it is stored; none when there is no such message.
ALTER PROCEDURE [$(Schema)].[$(Queue)_Get]
  @MessageId uniqueidentifier
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SELECT q.Sequence, q.MessageId, q.Topic, q.Payload, q.PayloadEscaped, q.Headers, q.CorrelationId, q.OrderingKey,
  q.EnqueuedUtc, q.DueUtc, q.Attempts, q.Parks, q.Recovered, q.Status, q.Source, q.DedupKey,
  CASE WHEN q.Status = 1 THEN q.ClaimFence END AS ClaimFence, q.LastError, q.FirstError, q.ReplayCount, q.SettledUtc,
  CAST(CASE WHEN q.Status = 0 AND q.OrderingHash IS NOT NULL AND (q.HeldBack = 1
      OR EXISTS (
        SELECT 1 FROM [$(Schema)].[$(Queue)] l
        WHERE l.OrderingHash = q.OrderingHash AND l.InLine = 1 AND l.OrderingKey IS NOT NULL AND l.Sequence < q.Sequence)
      OR EXISTS (SELECT 1 FROM [$(Schema)].[$(Queue)] r WHERE r.OrderingHash = q.OrderingHash AND r.Status = 1))
    THEN 1 ELSE 0 END AS bit) AS HeldBack
FROM [$(Schema)].[$(Queue)] q WHERE q.MessageId = @MessageId;
GO
