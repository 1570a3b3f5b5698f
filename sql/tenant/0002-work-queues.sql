-- Tenant database, step 2: the outbox and the inbox, two work queues of one make.
:r parts/json-text.sql
:setvar Queue Outbox
:r parts/queue-table.sql
:r parts/queue-enqueue.sql
:r parts/queue-lines.sql
:r parts/queue-turn.sql
:r parts/queue-run.sql
:r parts/queue-complete.sql
:r parts/queue-dead.sql
:r parts/queue-statistics.sql
:setvar Queue Inbox
:r parts/queue-table.sql
:r parts/queue-enqueue.sql
:r parts/queue-lines.sql
:r parts/queue-turn.sql
:r parts/queue-run.sql
:r parts/queue-complete.sql
:r parts/queue-dead.sql
:r parts/queue-statistics.sql
