/** Whether a queue has messages of kinds that most queues have none of. */
import type { Connection } from '../connection.ts';
import { perTable, type QueueTable } from './records.ts';
import { topicIndexes } from './topics.ts';

const statements = perTable((table) => {
  const any = (index: string, where: string) =>
    `EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_${index} WHERE ${where})`;
  return {
    /** One small statement, because each run of a database that was not open prepares it. */
    presence: `SELECT ${any('Claimed', 'Status = 1')}, ${any('Parked', topicIndexes.Parked)}, ${any('Dead', 'Status = 3')},
      ${any('Group', 'InGroup = 1 AND OrderingKey IS NOT NULL')}`,
  };
});

export interface Presence {
  readonly claimed: boolean;
  readonly parked: boolean;
  readonly dead: boolean;
  /** Messages with an ordering key that are not Done. */
  readonly grouped: boolean;
}

/** Takes no lock: in a write transaction it sees that transaction's changes. */
export function readPresence(connection: Connection, table: QueueTable): Presence {
  const row = connection.getTuple<readonly (0 | 1)[]>(statements[table].presence)!;
  const [claimed, parked, dead, grouped] = row.map((exists) => exists === 1);
  return { claimed: claimed!, parked: parked!, dead: dead!, grouped: grouped! };
}
