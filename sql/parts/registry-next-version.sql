-- Part of a procedure: the next version of a tenant. If another program has stored one that is larger than programs can read,
-- it follows those of the tenants, and every host reads all tenants again.
UPDATE [$(Schema)].[RegistryState]
SET TenantVersion = 1 + ABS(CHECKSUM(NEWID()) % 1000000) + CASE
    WHEN TenantVersion BETWEEN 0 AND 9007199253740991 THEN TenantVersion
    ELSE COALESCE((SELECT MAX(v.Version) FROM [$(Schema)].[Tenants] v WHERE v.Version BETWEEN 0 AND 9007199253740991), 0) END
WHERE Id = 1;
