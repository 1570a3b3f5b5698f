-- Roles of a tenant database. Their names begin with the schema's, so that two schemas in one database have roles of
-- their own.
--
--   $(Schema)_producer    enqueues, asks which messages are committed, and nothing else
--   $(Schema)_dispatcher  dispatch runs: begin, settle and claim, complete, leases, statistics, and enqueues
--   $(Schema)_operator    everything else: finds, reads, replays, cancels, replaces and discards messages, lists and frees leases
--
-- No role has a right on a table: SQL Server's ownership chaining lets a procedure use the objects that
-- belong to its owner. A server without ownership chaining (Babelfish) also checks the caller's own rights on
-- the tables, so the rights are granted there, and only there.
IF DATABASE_PRINCIPAL_ID(N'$(Schema)_producer') IS NULL AND SERVERPROPERTY('Babelfish') IS NULL EXEC(N'CREATE ROLE [$(Schema)_producer] AUTHORIZATION dbo');
IF DATABASE_PRINCIPAL_ID(N'$(Schema)_producer') IS NULL EXEC(N'CREATE ROLE [$(Schema)_producer]');
IF DATABASE_PRINCIPAL_ID(N'$(Schema)_dispatcher') IS NULL AND SERVERPROPERTY('Babelfish') IS NULL EXEC(N'CREATE ROLE [$(Schema)_dispatcher] AUTHORIZATION dbo');
IF DATABASE_PRINCIPAL_ID(N'$(Schema)_dispatcher') IS NULL EXEC(N'CREATE ROLE [$(Schema)_dispatcher]');
IF DATABASE_PRINCIPAL_ID(N'$(Schema)_operator') IS NULL AND SERVERPROPERTY('Babelfish') IS NULL EXEC(N'CREATE ROLE [$(Schema)_operator] AUTHORIZATION dbo');
IF DATABASE_PRINCIPAL_ID(N'$(Schema)_operator') IS NULL EXEC(N'CREATE ROLE [$(Schema)_operator]');
GO
:setvar Queue Outbox
:r parts/roles-queue.sql
:setvar Queue Inbox
:r parts/roles-queue.sql
GRANT EXECUTE ON [$(Schema)].[Lease_Acquire] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Lease_Renew] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Lease_Release] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Lease_List] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[Lease_List] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[Lease_Release] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[SchemaJournal_List] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[SchemaJournal_List] TO [$(Schema)_operator];
GO
IF SERVERPROPERTY('Babelfish') = 1
BEGIN
  GRANT SELECT ON [$(Schema)].[SchemaJournal] TO [$(Schema)_dispatcher];
  GRANT SELECT ON [$(Schema)].[SchemaJournal] TO [$(Schema)_operator];
  GRANT EXECUTE ON [$(Schema)].[JsonText] TO [$(Schema)_producer];
  GRANT EXECUTE ON [$(Schema)].[JsonText] TO [$(Schema)_dispatcher];
  GRANT EXECUTE ON [$(Schema)].[Lease_Ensure] TO [$(Schema)_dispatcher];
  GRANT EXECUTE ON [$(Schema)].[Lease_Take] TO [$(Schema)_dispatcher];
  GRANT EXECUTE ON [$(Schema)].[Lease_Ensure] TO [$(Schema)_operator];
  GRANT SELECT, INSERT, UPDATE ON [$(Schema)].[Leases] TO [$(Schema)_dispatcher];
  GRANT SELECT, INSERT, UPDATE ON [$(Schema)].[Leases] TO [$(Schema)_operator];
END;
GO
