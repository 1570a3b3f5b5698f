-- Part of Begin and SettleAndClaim: checks what both are given.
:r parts/lease-limits.sql
IF COALESCE(@RetentionMs, -1) NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@RetentionMs must be milliseconds from 0 to 1500000000000.', 1;
IF COALESCE(@Limit, -1) < 0 OR COALESCE(@MaxBytes, -1) < 0 OR COALESCE(@PurgeLimit, -1) < 0
  THROW 51027, N'@Limit, @MaxBytes and @PurgeLimit must be 0 or more.', 1;
IF ISJSON(@Rooms) = 0 OR ISJSON(@ThrottledAfter) = 0 THROW 51025, N'@Rooms and @ThrottledAfter must be JSON arrays.', 1;
