import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TenantMigration } from '../../src/fleet/operations/migrate.ts';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;
beforeEach(() => {
  folder = cliFolder();
});
afterEach(() => folder.remove());

const tenants = ['acme', 'beta', 'cedar'];

async function addTenants(): Promise<void> {
  for (const id of tenants) await folder.json(['tenants', 'add', id, '--no-migrate']);
}

async function migrate(...args: string[]) {
  const { code, stdout, stderr } = await folder.cli(['migrate', '--json', ...args]);
  return { code, stderr, databases: JSON.parse(stdout).databases as TenantMigration[] };
}

const versions = async () =>
  (await folder.json<{ tenants: { schemaVersion: number | null }[] }>(['tenants', 'list'])).tenants.map(
    ({ schemaVersion }) => schemaVersion,
  );

test('migrate records the version of each database; --resume skips exactly those that are up to date', async () => {
  await addTenants();
  expect(await versions()).toEqual([null, null, null]);
  await migrate('--dry-run');
  expect(await versions()).toEqual([null, null, null]);
  const [, one] = (await migrate('--tenant', 'beta')).databases;
  const latest = one!.result!.to;
  expect(await versions()).toEqual([null, latest, null]);

  const resumed = await migrate('--all', '--resume', '--parallel', '2');
  expect(resumed.databases).toEqual([
    { tenantId: null, version: latest, result: { from: latest, to: latest, steps: [] } },
    { tenantId: 'acme', version: latest, result: { ...one!.result } },
    { tenantId: 'beta', version: latest },
    { tenantId: 'cedar', version: latest, result: { ...one!.result } },
  ]);
  expect(await versions()).toEqual([latest, latest, latest]);
  const { stdout } = await folder.cli(['migrate', '--resume']);
  expect(stdout).toMatch(/beta .*skipped: the registry records it as up to date/);
  // An operator whose database was changed by hand must learn that `migrate` does not undo the change.
  expect(stdout).toMatch(/^registry .* up to date$/m);
  expect(stdout).toMatch(
    /'multi-outbox doctor' finds what was\nchanged by hand, and says how to undo it\.\n$/,
  );
  const shown = await folder.cli(['tenants', 'show', 'beta']);
  expect(shown.stdout).toMatch(new RegExp(`^Schema version +${latest}$`, 'm'));
});

test('a database that is newer than the program is refused, by name, and the others are migrated', async () => {
  await addTenants();
  await migrate('--tenant', 'beta');
  const beta = new DatabaseSync(path.join(folder.path, '.data/tenants/beta.db'));
  beta.exec("INSERT INTO SchemaJournal VALUES (99, 'from the future', 'x', 0)");
  beta.close();
  const { code, databases, stderr } = await migrate('--all');
  expect(code).toBe(1);
  expect(databases.map(({ error }) => error?.code)).toEqual([
    undefined,
    undefined,
    'SCHEMA_TOO_NEW',
    undefined,
  ]);
  expect(databases[2]!.error!.message).toMatch(/^tenant 'beta'.*at version 99.*update the program/);
  expect(JSON.parse(stderr).error.message).toContain("Tenant 'beta' failed with SCHEMA_TOO_NEW");
  expect((await versions()).slice(0, 1)).not.toContain(null);
});

test.each(['0', '101', 'many'])('--parallel %s is wrong usage', async (parallel) => {
  expect((await folder.cli(['migrate', '--parallel', parallel])).code).toBe(2);
});
