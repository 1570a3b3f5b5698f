import { leasesTable } from './leases-table.ts';
import type { Migration } from './migration.ts';
import { queueTable } from './queue-table.ts';

export const tenant0001: Migration = {
  version: 1,
  name: 'work queues and leases',
  sql: [queueTable('Outbox'), queueTable('Inbox'), leasesTable].join(''),
};
