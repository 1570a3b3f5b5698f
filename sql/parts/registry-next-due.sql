-- Part of Plan_Begin: when the first of the plan's tenants is due. For all tenants, this reads one entry of the index.
IF @Ranges = 1
  SELECT @NextDue = MIN(NextDueUtc) FROM [$(Schema)].[Tenants] WHERE Status = N'active' AND NextDueUtc IS NOT NULL;
ELSE
  SELECT @NextDue = MIN(NextDueUtc) FROM [$(Schema)].[Tenants]
  WHERE Status = N'active' AND NextDueUtc IS NOT NULL
:r parts/registry-in-range.sql
;
