-- Tenant database, step 2: the outbox and the inbox, two work queues of the same kind.
:r parts/json-text.sql
-- The most bytes of a payload and its headers together that are read (Q15).
:setvar ContentLimit 67108864
:setvar Queue Outbox
:setvar QueueName outbox
:r parts/queue-table.sql
:r parts/queue-enqueue.sql
:r parts/queue-enqueue-many.sql
:r parts/queue-block-followers.sql
:r parts/queue-due-times.sql
:r parts/queue-topics.sql
:r parts/queue-counts.sql
:r parts/queue-settle-and-claim.sql
:r parts/queue-settle-done.sql
:r parts/queue-run.sql
:r parts/queue-complete.sql
:r parts/queue-stored.sql
:r parts/queue-find.sql
:r parts/queue-act.sql
:r parts/queue-statistics.sql
:setvar Queue Inbox
:setvar QueueName inbox
:r parts/queue-table.sql
:r parts/queue-enqueue.sql
:r parts/queue-enqueue-many.sql
:r parts/queue-block-followers.sql
:r parts/queue-due-times.sql
:r parts/queue-topics.sql
:r parts/queue-counts.sql
:r parts/queue-settle-and-claim.sql
:r parts/queue-settle-done.sql
:r parts/queue-run.sql
:r parts/queue-complete.sql
:r parts/queue-stored.sql
:r parts/queue-find.sql
:r parts/queue-act.sql
:r parts/queue-statistics.sql
