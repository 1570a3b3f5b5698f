import { existsSync } from 'node:fs';
import path from 'node:path';
import type { TenantRecord } from '../../src/engine/registry.ts';
import type { MigrationResult } from '../../src/engine/schema.ts';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;
beforeEach(() => {
  folder = cliFolder();
});
afterEach(() => folder.remove());

interface Added {
  tenant: TenantRecord;
  registryCreated: boolean;
  migration: MigrationResult | null;
}

test('F1: tenants add on a fresh folder creates the registry, the tenant and its database, and reports it', async () => {
  const { code, stdout, stderr } = await folder.cli(['tenants', 'add', 'acme']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(
    /^Created the registry\.\nAdded tenant acme on database tenants\/acme\.db\.\nCreated its database/,
  );
  expect(existsSync(path.join(folder.path, '.data/tenants/acme.db'))).toBe(true);
  const { messageId } = await folder.json(['enqueue', 'acme', 'note', 'ready at once']);
  expect(messageId).toEqual(expect.any(String));
});

test('F1: tenants add takes every field of a tenant, and show and list give them back', async () => {
  const env = { BETA_DB: 'Server=sql.example.net;User Id=u;Password=p' };
  const fields =
    '--database sales --auth-setting BETA_DB --schema outbox --priority 7 --weight 2.5 --sla 60 --batch-size 10 --concurrency 3 --idle-ceiling 5m';
  const tags = ['--tag', 'plan=gold', '--tag', 'note=a=b'];
  const added = await folder.json<Added>(['tenants', 'add', 'beta', ...fields.split(' '), ...tags], { env });
  expect(added.registryCreated).toBe(true);
  // Nobody has asked to change a database on a server.
  expect(added.migration).toBeNull();
  expect(existsSync(path.join(folder.path, '.data/sales'))).toBe(false);
  const definition = {
    id: 'beta',
    server: '',
    database: 'sales',
    auth: { kind: 'setting', name: 'BETA_DB' },
    schema: 'outbox',
    priority: 7,
    weight: 2.5,
    slaSeconds: 60,
    tags: { plan: 'gold', note: 'a=b' },
    overrides: { batchSize: 10, concurrency: 3, idleCeilingMs: 300_000 },
    status: 'active',
  };
  expect(added.tenant).toMatchObject(definition);
  expect(await folder.json(['tenants', 'show', 'beta'])).toMatchObject({ tenant: definition });
  expect(await folder.json(['tenants', 'list'])).toMatchObject({ tenants: [definition], more: false });
  const shown = await folder.cli(['tenants', 'show', 'beta']);
  for (const text of ['sales', 'BETA_DB', 'plan=gold, note=a=b', '5m', 'never']) {
    expect(shown.stdout).toContain(text);
  }
});

test('tenants add --no-migrate does not touch the database and says what to do next', async () => {
  const { stdout } = await folder.cli(['tenants', 'add', 'acme', '--no-migrate']);
  expect(stdout).toContain("run 'multi-outbox migrate --tenant acme'");
  expect(existsSync(path.join(folder.path, '.data/tenants/acme.db'))).toBe(false);
  const { code, stderr } = await folder.cli(['enqueue', 'acme', 'note', 'x']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: .*migrate --tenant acme.*\n$/);
});

test('tenants add reports a database that could not be migrated, though the tenant was added', async () => {
  folder.write('garbage.db', 'this is no database '.repeat(500));
  const { code, stderr } = await folder.cli([
    'tenants',
    'add',
    'acme',
    '--database',
    path.join(folder.path, 'garbage.db'),
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: Tenant 'acme' was added, but its database could not be migrated: .*migrate --tenant acme'\.\n$/,
  );
  expect(await folder.json(['tenants', 'list'])).toMatchObject({ tenants: [{ id: 'acme' }] });
});

test('F1: an id in use, a database in use and an invalid id are refused', async () => {
  await folder.json(['tenants', 'add', 'acme']);
  const codes = async (...args: string[]) => {
    const { code, stderr } = await folder.cli(['tenants', 'add', ...args, '--json']);
    return [code, JSON.parse(stderr).error.code];
  };
  expect(await codes('acme')).toEqual([1, 'TENANT_EXISTS']);
  expect(await codes('other', '--database', 'tenants/acme.db')).toEqual([1, 'DATABASE_IN_USE']);
  expect(await codes('No Such Id')).toEqual([2, 'INVALID_TENANT']);
});

test('F2: pause, resume and remove change the status and explain it', async () => {
  await folder.json(['tenants', 'add', 'acme']);
  const status = async (verb: string) =>
    (await folder.json<{ tenant: TenantRecord }>(['tenants', verb, 'acme'])).tenant.status;
  expect(await status('pause')).toBe('paused');
  expect((await folder.cli(['wake', 'acme'])).stderr).toMatch(/^error: .*paused.*resume.*\n$/);
  expect(await status('resume')).toBe('active');
  expect((await folder.cli(['tenants', 'remove', 'acme'])).stdout).toContain('retired');
  expect(existsSync(path.join(folder.path, '.data/tenants/acme.db'))).toBe(true);
  expect(await folder.json(['tenants', 'list', '--status', 'active'])).toEqual({ tenants: [], more: false });
});

test('tenants list comes in pages', async () => {
  for (const id of ['a', 'b', 'c']) await folder.json(['tenants', 'add', id, '--no-migrate']);
  const page = (...args: string[]) =>
    folder.json<{ tenants: TenantRecord[]; more: boolean }>(['tenants', 'list', '--limit', '2', ...args]);
  const first = await page();
  expect([first.tenants.map(({ id }) => id), first.more]).toEqual([['a', 'b'], true]);
  const second = await page('--after', 'b');
  expect([second.tenants.map(({ id }) => id), second.more]).toEqual([['c'], false]);
});

test('migrate brings every database up to date, shows first what it would do, and continues after a failure', async () => {
  for (const id of ['acme', 'beta', 'gone']) await folder.json(['tenants', 'add', id, '--no-migrate']);
  await folder.json(['tenants', 'remove', 'gone']);
  const dry = await folder.json<{
    dryRun: boolean;
    databases: { tenantId: string | null; result: MigrationResult }[];
  }>(['migrate', '--all', '--dry-run']);
  expect(dry.dryRun).toBe(true);
  expect(
    dry.databases.map(({ tenantId, result }) => [tenantId, result.from, result.steps.length > 0]),
  ).toEqual([
    [null, dry.databases[0]!.result.to, false],
    ['acme', 0, true],
    ['beta', 0, true],
  ]);
  expect(existsSync(path.join(folder.path, '.data/tenants/acme.db'))).toBe(false);

  const one = await folder.cli(['migrate', '--tenant', 'beta']);
  expect([one.code, one.stdout]).toEqual([
    0,
    expect.stringMatching(/registry .*up to date\nbeta .*\n\n2 databases ready\.\n'up to date' means/),
  ]);

  folder.write('.data/tenants/acme.db', 'garbage '.repeat(1_000)); // beta has created the folder
  const all = await folder.cli(['migrate', '--json']);
  expect(all.code).toBe(1);
  expect(JSON.parse(all.stderr)).toMatchObject({ error: { code: 'FAILED' } });
  expect(JSON.parse(all.stdout).databases).toMatchObject([
    { tenantId: null, result: { steps: [] } },
    { tenantId: 'acme', error: { code: 'DATABASE_CORRUPT' } },
    { tenantId: 'beta', result: { steps: [] } },
  ]);
});
