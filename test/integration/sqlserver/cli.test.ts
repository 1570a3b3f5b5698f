/** The command line against a server, which test/support/sqlserver.ts names. */
import { randomBytes } from 'node:crypto';
import type { Diagnosis } from '../../../src/fleet/operations/doctor.ts';
import type { TenantMigration } from '../../../src/fleet/operations/migrate.ts';
import { type CliFolder, cliFolder } from '../../support/cli-process.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantsSetting } from '../../support/sqlserver-databases.ts';

describeOnServer(`the command line on SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let folder: CliFolder;
  beforeEach(() => {
    folder = cliFolder();
  });
  afterEach(() => folder.remove());
  afterAll(() => databases.dispose(), 60_000);

  test('migrate and doctor: versions, drift by hand, a database that is newer, and one that is not there', async () => {
    const env = {
      MULTI_OUTBOX_REGISTRY: databases.registryUrl(await databases.create()),
      [tenantsSetting]: databases.connectionString,
    };
    const named = { acme: await databases.create(), beta: await databases.create(), gone: 'mo_test_gone' };
    async function migrate(...args: string[]) {
      const { code, stdout } = await folder.cli(['migrate', '--json', ...args], { env });
      const { databases: found } = JSON.parse(stdout) as { databases: TenantMigration[] };
      return { code, found: found.map(({ tenantId, error, version }) => [tenantId, error?.code ?? version]) };
    }
    const [registryFirst] = (await migrate()).found;
    const latest = registryFirst![1] as number;
    expect(latest).toBeGreaterThan(0);
    for (const [id, database] of Object.entries(named)) {
      const words = ['tenants', 'add', id, '--database', database, '--auth-setting', tenantsSetting];
      await folder.json(words, { env });
    }
    const missing = expect.stringMatching(/^(LOGIN_REFUSED|DATABASE_MISSING)$/);
    const migrated = await migrate('--all', '--parallel', '2');
    expect(migrated.code).toBe(1);
    const tenantVersion = migrated.found[1]![1];
    expect(migrated.found).toEqual([
      [null, latest],
      ['acme', tenantVersion],
      ['beta', tenantVersion],
      ['gone', missing],
    ]);

    await databases.batch(named.acme, 'DROP PROCEDURE messaging.Outbox_Enqueue');
    await databases.batch(
      named.beta,
      "INSERT messaging.SchemaJournal (Version, Name, Checksum, AppliedUtc) VALUES (99, N'from the future', N'x', SYSUTCDATETIME())",
    );
    expect((await migrate('--tenant', 'beta')).found.at(-1)).toEqual(['beta', 'SCHEMA_TOO_NEW']);
    const { code, stdout } = await folder.cli(['doctor', '--all', '--json'], { env });
    expect(code).toBe(1);
    const { databases: found } = JSON.parse(stdout) as { databases: Diagnosis[] };
    const problems = found.map(({ tenantId, reachable, findings }) => [
      tenantId,
      reachable,
      findings.filter(({ severity }) => severity === 'problem').map(({ message }) => message),
    ]);
    expect(problems).toEqual([
      [null, true, []],
      ['acme', true, expect.arrayContaining([expect.stringMatching(/'outbox_enqueue' is missing/i)])],
      ['beta', true, [expect.stringContaining('version 99')]],
      ['gone', false, [expect.any(String)]],
    ]);
  }, 120_000);

  test('the demo dispatches every mail once; and can be repeated', async () => {
    const registry = `mo_test_${randomBytes(6).toString('hex')}`;
    try {
      for (let time = 1; time <= 2; time++) {
        const { problems, customers } = await folder.json<{
          problems: string[];
          customers: { customer: string; dispatched: number; error: string | null }[];
        }>(['demo', '--registry', databases.registryUrl(registry)]);
        expect(problems).toEqual([]);
        expect(customers.reduce((sum, { dispatched }) => sum + dispatched, 0)).toBe(395);
        expect(customers.find(({ customer }) => customer === 'ember')!.error).toMatch(
          /LOGIN_REFUSED|DATABASE_MISSING/,
        );
      }
    } finally {
      // The last one was dropped by the demo itself.
      for (const customer of ['dune', 'acme', 'birch', 'cedar']) {
        await databases.drop(`${registry}_${customer}`).catch(() => {});
      }
      await databases.drop(registry);
    }
  }, 240_000);
});
