-- Rights on one work queue; see roles-tenant.sql.
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Enqueue] TO [$(Schema)_producer];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_EnqueueOne] TO [$(Schema)_producer];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_EnqueueMany] TO [$(Schema)_producer];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Stored] TO [$(Schema)_producer];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Enqueue] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_EnqueueOne] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_EnqueueMany] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Stored] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Begin] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_SettleAndClaim] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Complete] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Statistics] TO [$(Schema)_dispatcher];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Statistics] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Get] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Find] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Act] TO [$(Schema)_operator];
GRANT EXECUTE ON [$(Schema)].[$(Queue)_Replace] TO [$(Schema)_operator];
GO
IF SERVERPROPERTY('Babelfish') = 1
BEGIN
  GRANT EXECUTE ON [$(Schema)].[$(Queue)_LeaseSettleClaim] TO [$(Schema)_dispatcher];
  GRANT EXECUTE ON [$(Schema)].[$(Queue)_SettleDone] TO [$(Schema)_dispatcher];
  GRANT EXECUTE ON [$(Schema)].[$(Queue)_BlockFollowers] TO [$(Schema)_dispatcher];
  GRANT EXECUTE ON [$(Schema)].[$(Queue)_DrawInDueTimes] TO [$(Schema)_dispatcher];
  GRANT EXECUTE ON [$(Schema)].[$(Queue)_PutBack] TO [$(Schema)_dispatcher];
  GRANT EXECUTE ON [$(Schema)].[$(Queue)_Unpark] TO [$(Schema)_dispatcher];
  GRANT EXECUTE ON [$(Schema)].[$(Queue)_CountStored] TO [$(Schema)_dispatcher];
  GRANT SELECT, INSERT ON [$(Schema)].[$(Queue)] TO [$(Schema)_producer];
  GRANT SELECT, INSERT, UPDATE, DELETE ON [$(Schema)].[$(Queue)] TO [$(Schema)_dispatcher];
  GRANT SELECT, INSERT, UPDATE, DELETE ON [$(Schema)].[$(Queue)] TO [$(Schema)_operator];
END;
GO
