/** F1: two tenants on one database file, by whatever names and paths. */
import { copyFileSync, existsSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import type { Engine } from '../../../src/engine/engine.ts';
import type { Registry } from '../../../src/engine/registry.ts';
import { createSqliteEngine } from '../../../src/engine/sqlite/index.ts';
import { examineFleet } from '../../../src/fleet/operations/doctor.ts';
import { migrateFleet } from '../../../src/fleet/operations/migrate.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { failure, withProgram } from './scene.ts';

const place = new SqlitePlace();
const inUseBy = (id: string) => ({ code: 'DATABASE_IN_USE', message: expect.stringContaining(`'${id}'`) });

async function fleet(engine: Engine = place.engine()) {
  const registry = await place.registry(engine);
  const add = (id: string, database = `tenants/${id}.db`) => addTo(registry, engine, id, database);
  const migrate = () => migrateFleet(engine, registry, {});
  return { engine, registry, add, migrate };
}

function addTo(registry: Registry, engine: Engine, id: string, database: string) {
  const definition = tenantDefinition({ id, database });
  return registry.add(definition, engine.databaseKey(definition));
}

test('F1: a hard link to a tenant’s file is refused to a second tenant, when it is added and when it is changed', async () => {
  const { engine, registry, add, migrate } = await fleet();
  await add('acme');
  await migrate();
  linkSync(place.file('tenants/acme.db'), place.file('linked.db'));
  await expect(add('beta', 'linked.db')).rejects.toMatchObject(inUseBy('acme'));
  await add('beta');
  const moved = tenantDefinition({ id: 'beta', database: 'linked.db' });
  await expect(registry.change(moved, engine.databaseKey(moved))).rejects.toMatchObject(inUseBy('acme'));
  await registry.setStatus('acme', 'retired');
  expect(await registry.change(moved, engine.databaseKey(moved))).toMatchObject({ database: 'linked.db' });
});

test('F1: a hard link is refused also when the registry has not seen the file before', async () => {
  const { add } = await fleet();
  await add('acme');
  await place.tenant('acme');
  linkSync(place.file('tenants/acme.db'), place.file('linked.db'));
  await expect(add('beta', 'linked.db')).rejects.toMatchObject(inUseBy('acme'));
});

test('F1: a tenant’s file that was renamed is still the tenant’s', async () => {
  const { engine, add, migrate } = await fleet();
  await add('acme');
  await migrate();
  await engine.close();
  renameSync(place.file('tenants/acme.db'), place.file('renamed.db'));
  const again = await fleet();
  await expect(again.add('beta', 'renamed.db')).rejects.toMatchObject(inUseBy('acme'));
});

test('F1: in a data folder that was moved, a tenant’s file is still the tenant’s, by any path', async () => {
  mkdirSync(place.file('data'));
  const before = createSqliteEngine({ registry: place.file('data/registry.db') });
  const registry = before.openRegistry();
  await registry.schema.migrate();
  // Neither file exists yet, so only the paths can tell.
  await addTo(registry, before, 'acme', 'acme.db');
  await addTo(registry, before, 'beta', place.file('data/beta.db'));
  await before.close();
  renameSync(place.file('data'), place.file('moved'));
  const after = createSqliteEngine({ registry: place.file('moved/registry.db') });
  try {
    const moved = after.openRegistry();
    for (const database of ['acme.db', place.file('moved/acme.db')]) {
      await expect(addTo(moved, after, 'cedar', database)).rejects.toMatchObject(inUseBy('acme'));
    }
    await expect(addTo(moved, after, 'cedar', 'beta.db')).rejects.toMatchObject(inUseBy('beta'));
    expect(await addTo(moved, after, 'cedar', 'cedar.db')).toMatchObject({ id: 'cedar' });
  } finally {
    await after.close();
  }
});

test('F1: a copy is another file, and so is a new file that has the number of a deleted one', async () => {
  const { engine, add, migrate } = await fleet();
  await add('acme');
  await migrate();
  await engine.close();
  copyFileSync(place.file('tenants/acme.db'), place.file('copy.db'));
  rmSync(place.file('tenants/acme.db'));
  await place.tenant('beta');
  const again = await fleet();
  expect(await again.add('beta')).toMatchObject({ id: 'beta' });
  expect(await again.add('cedar', 'copy.db')).toMatchObject({ id: 'cedar' });
});

test('F1: a hard link to the registry’s file is no tenant’s file', async () => {
  const { add } = await fleet();
  linkSync(place.file('registry.db'), place.file('linked.db'));
  expect(() => add('acme', 'linked.db')).toThrow(expect.objectContaining({ code: 'INVALID_TENANT' }));
});

test('F1: one process does not open a file by two names; it may when the other is closed', async () => {
  const { engine, add, migrate } = await fleet();
  await add('acme');
  await add('beta');
  await migrate();
  rmSync(place.file('tenants/beta.db'));
  linkSync(place.file('tenants/acme.db'), place.file('tenants/beta.db'));
  const [acme, beta] = ['acme', 'beta'].map((id) => engine.openTenant(tenantDefinition({ id })));
  expect(await acme!.queue('outbox').statistics()).toMatchObject({ ready: 0 });
  expect(await failure(beta!.queue('outbox').statistics())).toMatchObject({
    code: 'DATABASE_IN_USE',
    tenantId: 'beta',
    message: expect.stringMatching(/hard link.*acme\.db.*give each tenant a file of its own/),
  });
  await acme!.close();
  expect(await beta!.queue('outbox').statistics()).toMatchObject({ ready: 0 });
});

test('F1: doctor finds two tenants on one file, and one on a file that is SQLite’s own', async () => {
  const { engine, registry, add, migrate } = await fleet();
  for (const id of ['acme', 'beta', 'cedar', 'dune']) await add(id);
  await migrate();
  rmSync(place.file('tenants/beta.db'));
  linkSync(place.file('tenants/acme.db'), place.file('tenants/beta.db'));
  await withProgram(place.file('registry.db'), (db) =>
    db.exec(`UPDATE Tenants SET DatabaseName = 'tenants/dune.db-wal' WHERE Id = 'dune'`),
  );
  const found = await examineFleet(engine, registry, { parallel: 1 });
  const messages = Object.fromEntries(
    found.map(({ tenantId, findings }) => [tenantId, findings.map(({ message }) => message)]),
  );
  const severalNames = expect.stringMatching(/^the file has 2 names \(hard links\)/);
  expect(messages).toEqual({
    null: [],
    acme: [severalNames, expect.stringMatching(/^its file is also that of tenant 'beta', by another path/)],
    beta: [severalNames, expect.stringMatching(/^its file is also that of tenant 'acme', by another path/)],
    cedar: [],
    dune: [expect.stringMatching(/^INVALID_TENANT: .* ends like the files that are kept beside a database/)],
  });
  // Asked about one tenant only, it compares the file with all others'.
  const [, one] = await examineFleet(engine, registry, { tenants: ['beta'] });
  expect(one!.findings.map(({ kind }) => kind)).toContain('shared');
});

test('F1, Q15: a link to nothing, as a database or beside one, is refused and not followed, and doctor finds it', async () => {
  const { engine, registry, add, migrate } = await fleet();
  const ids = ['acme', 'beta', 'cedar', 'dune', 'elm', 'fir'];
  for (const id of ids) await add(id);
  await migrate();
  const file = (id: string) => place.file(`tenants/${id}.db`);
  const away = path.join(place.folder, 'elsewhere.db');
  rmSync(file('acme'));
  symlinkSync(away, file('acme'));
  for (const [id, suffix] of [
    ['beta', '-wal'],
    ['cedar', '-shm'],
    ['dune', '-journal'],
  ] as const)
    symlinkSync(away, file(id) + suffix);
  // A link to a database works, and what is beside the database that it names counts.
  rmSync(file('elm'));
  symlinkSync(file('fir'), file('elm'));
  const open = (id: string) => engine.openTenant(tenantDefinition({ id }));
  for (const id of ['acme', 'beta', 'cedar', 'dune']) {
    const refusal = {
      code: 'DATABASE_MISSING',
      tenantId: id,
      message: expect.stringMatching(/is a symbolic link.*remove the link/),
    };
    expect(await failure(open(id).queue('outbox').statistics())).toMatchObject(refusal);
    expect(await failure(open(id).schema.migrate({}))).toMatchObject(refusal);
  }
  expect(await open('elm').queue('outbox').statistics()).toMatchObject({ ready: 0 });
  expect(existsSync(away)).toBe(false);
  const found = await examineFleet(engine, registry, { parallel: 1 });
  const reached = Object.fromEntries(found.map(({ tenantId, findings }) => [tenantId, findings[0]?.message]));
  const refused = expect.stringMatching(/^DATABASE_MISSING: .* is a symbolic link/);
  expect(reached).toMatchObject({ acme: refused, beta: refused, cedar: refused, dune: refused });
});

test('F1: a link to nothing in the path of a database is refused', async () => {
  const { engine } = await fleet();
  symlinkSync(path.join(place.folder, 'nowhere'), place.file('linked'));
  const database = engine.openTenant({ ...tenantDefinition({ id: 'acme' }), database: 'linked/acme.db' });
  expect(await failure(database.schema.migrate({}))).toMatchObject({ name: 'MultiOutboxError' });
  expect(existsSync(path.join(place.folder, 'nowhere'))).toBe(false);
});

test.each(['r.db-wal', 'r.db-journal', 'R.DB-SHM'])('F1: a registry is not named %s', (name) => {
  expect(() => createSqliteEngine({ registry: path.join(place.folder, name) })).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIGURATION' }),
  );
});
