/**
 * The project that `multi-outbox init --database sqlserver` makes, on a server: a new user's way through its README.md, from the packed
 * package. Needs a server; see test/support/sqlserver.ts.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import mssql from 'mssql';
import { InstalledProject } from '../../support/installed-project.ts';
import { packedPackage } from '../../support/packed-package.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases } from '../../support/sqlserver-databases.ts';

// npm installs the packages, and a busy server takes minutes to create a database.
jest.setTimeout(600_000);

describeOnServer(`a new project on SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const variables = ['MULTI_OUTBOX_REGISTRY', 'ACME_DB'] as const;
  let project: InstalledProject;
  beforeAll(() => {
    project = new InstalledProject();
    project.clear('*');
  });
  afterAll(async () => {
    for (const variable of variables) delete process.env[variable];
    project.remove();
    await databases.dispose();
  });

  test('Q3, D1: a user and a message are stored in one transaction on the server, and the message is dispatched once', async () => {
    const { folder } = packedPackage();
    const made = await project.node(path.join(folder, 'dist/cli.js'), 'init', '--database', 'sqlserver');
    expect(made).toMatchObject({ code: 0 });
    expect(await project.install('npm')).toMatchObject({ code: 0 });
    const [registry, acme] = [await databases.create(), await databases.create()];
    process.env.MULTI_OUTBOX_REGISTRY = databases.registryUrl(registry);
    process.env.ACME_DB = databases.connectionString;
    // The database of the README is 'acme'; a test's own has a name of its own.
    const enqueue = readFileSync(project.file('src/enqueue.ts'), 'utf8');
    expect(enqueue).toContain(';Database=acme`');
    project.write('src/enqueue.ts', enqueue.replace(';Database=acme`', `;Database=${acme}\``));

    const silently = (...args: string[]) => project.run('npm', ['run', '--silent', ...args]);
    const tenant = ['acme', '--database', acme, '--auth-setting', 'ACME_DB', '--migrate'];
    expect(await silently('tenant', '--', ...tenant)).toMatchObject({ code: 0 });
    expect(await silently('enqueue', '--', 'Ann')).toEqual({ code: 0, output: '' });
    const tick = () =>
      project.node(
        'node_modules/multi-outbox/dist/cli.js',
        'tick',
        '--handlers',
        'src/handlers.ts',
        '--json',
      );
    expect(await tick()).toMatchObject({ code: 0, output: expect.stringContaining('acme welcomes Ann') });
    expect(await tick()).toMatchObject({ code: 0, output: expect.not.stringContaining('welcomes') });
    expect((await silently('status')).output).toMatch(/acme/);
    const rows = async (text: string) =>
      (await new mssql.Request(await databases.pool(acme)).query(text)).recordset;
    expect(await rows('SELECT Name FROM dbo.Users')).toEqual([{ Name: 'Ann' }]);
    expect(await rows('SELECT Topic, Status FROM messaging.Outbox')).toEqual([
      { Topic: 'welcome', Status: 2 },
    ]);

    // The enqueue fails after the insert: neither is stored.
    await databases.batch(acme, 'DROP PROCEDURE messaging.Outbox_EnqueueOne');
    expect(await silently('enqueue', '--', 'Bob')).toMatchObject({ code: 1 });
    expect(await rows('SELECT Name FROM dbo.Users')).toEqual([{ Name: 'Ann' }]);
  });
});
