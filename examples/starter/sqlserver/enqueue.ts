/** Signs a user up and has the user welcomed: both, or neither. `npm run enqueue -- Ann` */
import mssql from 'mssql';
import { createMultiOutbox } from 'multi-outbox';

const name = process.argv[2] ?? 'Ann';
const multiOutbox = createMultiOutbox();
const pool = await new mssql.ConnectionPool(`${process.env.ACME_DB};Database=acme`).connect();
try {
  await pool
    .request()
    .batch(`IF OBJECT_ID('dbo.Users') IS NULL CREATE TABLE dbo.Users (Name nvarchar(100) NOT NULL)`);
  const transaction = pool.transaction();
  await transaction.begin();
  try {
    await transaction.request().input('name', name).query('INSERT dbo.Users (Name) VALUES (@name)');
    await multiOutbox.outbox('acme').enqueue({ topic: 'welcome', payload: { name } }, { transaction });
    await transaction.commit();
  } catch (error) {
    await transaction.rollback().catch(() => {});
    throw error;
  }
  await multiOutbox.wake('acme');
} finally {
  await pool.close();
  await multiOutbox.close();
}
