/**
 * `node ask-lock-hints.ts VARIABLE` prints `honoured` if the server of the connection string in that variable honours
 * lock hints; otherwise it prints what the server did. One session changes a row and keeps its transaction open.
 * READPAST in another session must then skip that row and return all others.
 */
import { argv } from 'node:process';
import mssql from 'mssql';
import { TestDatabases } from '../support/sqlserver-databases.ts';

const databases = new TestDatabases(process.env[argv[2]!]!);
try {
  console.log(await ask());
} finally {
  await databases.dispose();
}

async function ask(): Promise<string> {
  const name = await databases.create();
  await databases.batch(
    name,
    'CREATE TABLE dbo.Probe (Id int NOT NULL PRIMARY KEY, Value int NOT NULL)',
    'INSERT dbo.Probe (Id, Value) VALUES (1, 0), (2, 0)',
  );
  const pool = await databases.pool(name);
  const writer = new mssql.Transaction(pool);
  await writer.begin();
  await writer.request().query('UPDATE dbo.Probe SET Value = 1 WHERE Id = 1');
  const { recordset } = await pool
    .request()
    .query<{ Id: number }>('SELECT Id FROM dbo.Probe WITH (READCOMMITTEDLOCK, READPAST) ORDER BY Id');
  await writer.rollback();
  const ids = recordset.map(({ Id }) => Id);
  if (ids.join() === '2') return 'honoured';
  return `the server ignores lock hints: READPAST returned rows ${ids.join(' and ')} while another session had changed row 1 and not committed`;
}
