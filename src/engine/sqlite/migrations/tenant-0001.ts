import type { Migration } from './index.ts';
import { leasesTable } from './leases-table.ts';
import { queueTable } from './queue-table.ts';

export const tenant0001: Migration = {
  version: 1,
  name: 'work queues and leases',
  sql: [queueTable('Outbox'), queueTable('Inbox'), leasesTable].join(''),
};
