-- Part of a statement: the tenants of @Range among @Ranges, by the hash of their ids, which are ASCII (src/engine/plan-range.ts).
AND CAST(SUBSTRING(HASHBYTES('SHA2_256', CAST(Id AS varchar(64))), 1, 2) AS int) * @Ranges / 65536 + 1 = @Range
