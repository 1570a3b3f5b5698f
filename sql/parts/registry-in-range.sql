-- Part of a statement: the tenants of @Range among @Ranges, by the hash of their ids (src/engine/plan-range.ts).
AND CAST(SUBSTRING(HASHBYTES('SHA2_256', Id), 1, 2) AS int) * @Ranges / 65536 + 1 = @Range
