-- Roles of the registry. roles-tenant.sql explains their names, and what Babelfish needs in addition.
--
--   $(Schema)_dispatcher  plans, reads tenants, reports, wakes, leases, and records acts, such as the release of a lease
--   $(Schema)_operator    registers, changes, pauses and retires tenants, wakes, reads, lists and frees leases, works on
--                         operations, and writes and reads the record of acts
IF DATABASE_PRINCIPAL_ID(N'$(Schema)_dispatcher') IS NULL AND SERVERPROPERTY('Babelfish') IS NULL EXEC(N'CREATE ROLE [$(Schema)_dispatcher] AUTHORIZATION dbo');
IF DATABASE_PRINCIPAL_ID(N'$(Schema)_dispatcher') IS NULL EXEC(N'CREATE ROLE [$(Schema)_dispatcher]');
IF DATABASE_PRINCIPAL_ID(N'$(Schema)_operator') IS NULL AND SERVERPROPERTY('Babelfish') IS NULL EXEC(N'CREATE ROLE [$(Schema)_operator] AUTHORIZATION dbo');
IF DATABASE_PRINCIPAL_ID(N'$(Schema)_operator') IS NULL EXEC(N'CREATE ROLE [$(Schema)_operator]');
GO
GRANT EXECUTE ON [$(Schema)].[Plan_Begin] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Plan_Commit] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Tenant_Report] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Tenant_SetFailingTopics] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Tenant_Postpone] TO [$(Schema)_dispatcher];
-- The release of a run's lease makes its tenant due.
GRANT EXECUTE ON [$(Schema)].[Tenant_Postpone] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Tenant_Wake] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Tenant_HasWoken] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Tenant_Get] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Tenant_List] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Tenant_Changes] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Fleet_Summary] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[History_Keep] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[FleetHistory_List] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[TenantHistory_List] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Poisoned_Record] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Lease_Acquire] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Lease_Renew] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Lease_Release] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Lease_List] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Tenant_Add] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Tenant_Change] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Tenant_SetStatus] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Tenant_RecordSchema] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Tenant_Wake] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Tenant_Get] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Tenant_List] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Tenant_Changes] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Fleet_Summary] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[FleetHistory_List] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[TenantHistory_List] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Lease_List] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Lease_Release] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Audit_Begin] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Audit_End] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Audit_Begin] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Audit_End] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Audit_List] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Operation_Create] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Operation_Change] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Operation_List] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[SchemaJournal_List] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[SchemaJournal_List] TO [$(Schema)_operator];
GO
IF SERVERPROPERTY('Babelfish') = 1
BEGIN
  GRANT SELECT ON [$(Schema)].[SchemaJournal] TO [$(Schema)_dispatcher];
  GRANT SELECT ON [$(Schema)].[SchemaJournal] TO [$(Schema)_operator];
  GRANT EXECUTE ON [$(Schema)].[Lease_Ensure] TO [$(Schema)_dispatcher];
  GRANT EXECUTE ON [$(Schema)].[Lease_Take] TO [$(Schema)_dispatcher];
  GRANT SELECT, INSERT, UPDATE ON [$(Schema)].[Leases] TO [$(Schema)_dispatcher];
  GRANT SELECT, UPDATE ON [$(Schema)].[Leases] TO [$(Schema)_operator];
  GRANT SELECT, UPDATE ON [$(Schema)].[RegistryState] TO [$(Schema)_dispatcher];
  GRANT SELECT, UPDATE ON [$(Schema)].[RegistryState] TO [$(Schema)_operator];
  GRANT SELECT, INSERT, UPDATE, DELETE ON [$(Schema)].[PlanRanges] TO [$(Schema)_dispatcher];
  GRANT SELECT ON [$(Schema)].[PlanRanges] TO [$(Schema)_operator];
  GRANT SELECT, UPDATE ON [$(Schema)].[Tenants] TO [$(Schema)_dispatcher];
  GRANT SELECT, INSERT, UPDATE, DELETE ON [$(Schema)].[Tenants] TO [$(Schema)_operator];
  GRANT EXECUTE ON [$(Schema)].[History_Add] TO [$(Schema)_dispatcher];
  GRANT EXECUTE ON [$(Schema)].[FleetHistory_Ensure] TO [$(Schema)_dispatcher];
  GRANT SELECT, INSERT, UPDATE, DELETE ON [$(Schema)].[TenantHistory] TO [$(Schema)_dispatcher];
  GRANT SELECT, INSERT, UPDATE, DELETE ON [$(Schema)].[FleetHistory] TO [$(Schema)_dispatcher];
  GRANT SELECT ON [$(Schema)].[TenantHistory] TO [$(Schema)_operator];
  GRANT SELECT ON [$(Schema)].[FleetHistory] TO [$(Schema)_operator];
  GRANT SELECT ON [$(Schema)].[TenantRecords] TO [$(Schema)_dispatcher];
  GRANT SELECT ON [$(Schema)].[TenantRecords] TO [$(Schema)_operator];
  GRANT SELECT, INSERT, UPDATE ON [$(Schema)].[Audit] TO [$(Schema)_dispatcher];
  GRANT SELECT, INSERT, UPDATE ON [$(Schema)].[Audit] TO [$(Schema)_operator];
  GRANT SELECT, INSERT, UPDATE ON [$(Schema)].[Operations] TO [$(Schema)_operator];
END;
GO
