/** The T-SQL of the documents, run against a server, which test/support/sqlserver.ts names. */
import { randomBytes } from 'node:crypto';
import mssql from 'mssql';
import { blockOf } from '../../support/documents.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases } from '../../support/sqlserver-databases.ts';

describeOnServer(`the T-SQL of the documents (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let database = '';
  beforeAll(async () => {
    database = await databases.take('tenant');
  }, 120_000);
  afterAll(() => databases.dispose(), 60_000);

  const rows = async (query: string) =>
    (await new mssql.Request(await databases.pool(database)).query(query)).recordset;

  test('t-sql.md: the call enqueues', async () => {
    await databases.batch(database, blockOf('docs/t-sql.md', 'sql', 'Outbox_Enqueue').code);
    expect(await rows("SELECT Payload FROM messaging.Outbox WHERE Topic = N'order.placed'")).toEqual([
      { Payload: '{"order":17}' },
    ]);
    await databases.batch(database, 'DELETE messaging.Outbox');
  }, 60_000);

  test('sql/README.md: an order and its message are committed together, once', async () => {
    await databases.batch(
      database,
      'CREATE TABLE dbo.Orders (Id int NOT NULL, Customer nvarchar(100), Total decimal(9, 2))',
    );
    const { code } = blockOf('sql/README.md', 'sql', 'order');
    await databases.batch(database, code);
    await databases.batch(database, code);
    expect(await rows('SELECT Id, Customer, Total FROM dbo.Orders')).toHaveLength(2);
    expect(await rows('SELECT Payload, OrderingKey, DedupKey FROM messaging.Outbox')).toEqual([
      { Payload: '{"order":17}', OrderingKey: 'customer Ada', DedupKey: 'order 17 placed' },
    ]);
  }, 60_000);

  test('sql/README.md: the producer gets its role', async () => {
    const login = `mo_test_${randomBytes(6).toString('hex')}`;
    const code = blockOf('sql/README.md', 'sql', 'producer').code.replace('my-application', login);
    await databases.batch(
      'master',
      `CREATE LOGIN [${login}] WITH PASSWORD = 'P1_${randomBytes(12).toString('hex')}'`,
    );
    try {
      await databases.batch(database, `CREATE USER [${login}] FOR LOGIN [${login}]`);
      await databases.batch(database, code);
      const members = await rows(`SELECT member.name FROM sys.database_role_members AS roles
        JOIN sys.database_principals AS member ON member.principal_id = roles.member_principal_id
        JOIN sys.database_principals AS role ON role.principal_id = roles.role_principal_id
        WHERE role.name = 'messaging_producer'`);
      expect(members).toContainEqual({ name: login });
      await databases.batch(database, `DROP USER [${login}]`);
    } finally {
      await databases.batch('master', `DROP LOGIN [${login}]`);
    }
  }, 60_000);

  test('leases.md: an earlier holder of the lease cannot write', async () => {
    await databases.batch(
      database,
      'CREATE TABLE dbo.Reports (Name nvarchar(50) NOT NULL, Body nvarchar(max), Fence bigint NOT NULL)',
      "INSERT dbo.Reports (Name, Body, Fence) VALUES (N'nightly', N'', 0)",
    );
    const write = async (fence: number, body: string) =>
      new mssql.Request(await databases.pool(database))
        .input('Fence', mssql.BigInt, fence)
        .input('Body', mssql.NVarChar, body)
        .query(blockOf('docs/leases.md', 'sql', 'fenced-write').code);
    await write(1, 'first');
    await write(2, 'second');
    await expect(write(1, 'too late')).rejects.toMatchObject({ number: 50_001 });
    expect(await rows('SELECT Body FROM dbo.Reports')).toEqual([{ Body: 'second' }]);
  }, 60_000);
});
