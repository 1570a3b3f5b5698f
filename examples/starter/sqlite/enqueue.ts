/** Signs a user up and has the user welcomed: both, or neither. `npm run enqueue -- Ann` */
import { DatabaseSync } from 'node:sqlite';
import { createMultiOutbox } from 'multi-outbox';

const name = process.argv[2] ?? 'Ann';
const multiOutbox = createMultiOutbox();
const acme = new DatabaseSync('.data/tenants/acme.db');
acme.exec('PRAGMA busy_timeout = 5000; CREATE TABLE IF NOT EXISTS Users (Name TEXT NOT NULL)');
try {
  acme.exec('BEGIN IMMEDIATE');
  acme.prepare('INSERT INTO Users (Name) VALUES (?)').run(name);
  await multiOutbox.outbox('acme').enqueue({ topic: 'welcome', payload: { name } }, { transaction: acme });
  acme.exec('COMMIT');
  await multiOutbox.wake('acme');
} finally {
  acme.close(); // rolls back what was not committed
  await multiOutbox.close();
}
