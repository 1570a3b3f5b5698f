/** A fleet that is being upgraded: programs of two releases on databases of two versions (engine/schema.ts). */
import { DatabaseFile } from '../../../src/engine/sqlite/file.ts';
import { DatabaseHandle } from '../../../src/engine/sqlite/handle.ts';
import { SqliteLeaseStore } from '../../../src/engine/sqlite/lease-store.ts';
import { registrySchema, tenantSchema } from '../../../src/engine/sqlite/migrations/index.ts';
import type { Migration, Schema } from '../../../src/engine/sqlite/migrations/migration.ts';
import { SqliteWorkQueue } from '../../../src/engine/sqlite/queue/work-queue.ts';
import { SqliteRegistry } from '../../../src/engine/sqlite/registry/registry.ts';
import { TenantFiles } from '../../../src/engine/sqlite/registry/tenant-files.ts';
import { SqliteSchema } from '../../../src/engine/sqlite/schema-control.ts';
import { add, definition, keyOf, planAll, report } from '../../conformance/registry-entry.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, failure, message, settle, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();
const files: DatabaseFile[] = [];
afterEach(() => {
  for (const file of files.splice(0)) file.disconnect();
});

/** Everything that a step may do: columns with defaults, an index on one, a table, a trigger that fills it. */
const stepOf = (table: string, version: number): Migration => ({
  version,
  name: 'more',
  sql: `
ALTER TABLE ${table} ADD COLUMN Region TEXT NOT NULL DEFAULT 'eu';
ALTER TABLE ${table} ADD COLUMN Weighed INTEGER;
CREATE INDEX ${table}_Region ON ${table} (Region) WHERE Weighed IS NULL;
CREATE TABLE ${table}Log (Id INTEGER PRIMARY KEY, Region TEXT NOT NULL) STRICT;
CREATE TRIGGER ${table}_Log AFTER INSERT ON ${table} BEGIN
  INSERT INTO ${table}Log (Region) VALUES (new.Region);
END;`,
});

/** The schema of the next release, whose runs work with the databases of this one. */
function laterOf({ migrations, oldestUsable }: Schema, table: string): Schema {
  return { migrations: [...migrations, stepOf(table, migrations.length + 1)], oldestUsable };
}

function program(schema: Schema, path = tenantFileOf(place), tenantId: string | undefined = 'acme') {
  const file = new DatabaseFile(path, 'normal');
  files.push(file);
  const handle = new DatabaseHandle(file, { tenantId, schema, busyTimeoutMs: 1_000 });
  return {
    handle,
    schema: new SqliteSchema(handle),
    queue: new SqliteWorkQueue(handle, 'outbox'),
    leases: new SqliteLeaseStore(handle),
  };
}

async function worksWithQueues({ queue, leases }: ReturnType<typeof program>): Promise<void> {
  const inLine = ['first', 'second'].map((payload) => message(payload, { orderingKey: 'k' }));
  await queue.enqueue([message('plain'), ...inLine]);
  // A caller's transaction has its own connection, whose schema is checked again.
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec('BEGIN IMMEDIATE');
    await queue.enqueue([message('joined')], db);
    db.exec('COMMIT');
  });
  const claimed = await begin(queue);
  expect(claimed.messages.map(({ payload }) => payload).sort()).toEqual([
    'first',
    'joined',
    'plain',
    'second',
  ]);
  const outcomes = claimed.messages.map(({ sequence, messageId, payload }) =>
    payload === 'second'
      ? ({ kind: 'dead', sequence, messageId, error: 'no' } as const)
      : ({ kind: 'done', sequence, messageId } as const),
  );
  expect(await settle(queue, claimed, outcomes)).toMatchObject({ unmatched: [] });
  expect(await queue.statistics()).toMatchObject({ done: 3, dead: 1, ready: 0, claimed: 0 });
  expect(await leases.acquire({ name: 'mine', owner: 'me', durationMs: 1_000 })).toMatchObject({
    status: 'acquired',
  });
}

test('a program works with a database that the release after it has migrated, and does not migrate it', async () => {
  const old = program(tenantSchema);
  await old.schema.migrate();
  await program(laterOf(tenantSchema, 'Outbox')).schema.migrate();
  await worksWithQueues(old);
  await worksWithQueuesAgain(program(tenantSchema));
  const { latest } = old.schema;
  expect(await failure(old.schema.migrate())).toMatchObject({ code: 'SCHEMA_TOO_NEW', tenantId: 'acme' });
  expect(await old.schema.version()).toBe(latest + 1);
  expect((await old.schema.inspect()).findings).toMatchObject([
    { kind: 'version', message: expect.stringMatching(`at version ${latest + 1}.*update the program`) },
  ]);
  await withProgram(tenantFileOf(place), (db) => {
    expect(db.prepare('SELECT count(*) AS n FROM OutboxLog').get()).toEqual({ n: 5 });
  });
});

/** Checks the queues with a program that is started after the migration. */
async function worksWithQueuesAgain({ queue }: ReturnType<typeof program>): Promise<void> {
  await queue.enqueue([message('again')]);
  expect((await begin(queue)).messages.map(({ payload }) => payload)).toEqual(['again']);
}

test('a program works with a database of the release before it, and on while that is migrated', async () => {
  await program(tenantSchema).schema.migrate();
  const later = program(laterOf(tenantSchema, 'Outbox'));
  await worksWithQueues(later);
  const { latest } = later.schema;
  expect(await later.schema.version()).toBe(latest - 1);
  expect((await later.schema.inspect()).findings).toMatchObject([
    {
      kind: 'version',
      message: expect.stringMatching(/runs work with the older version, but run 'migrate' soon/),
    },
  ]);
  expect(await later.schema.migrate()).toMatchObject({ from: latest - 1, to: latest });
  await worksWithQueuesAgain(later);
  expect((await later.schema.inspect()).findings).toEqual([]);
});

test.each([
  ['the release after it has migrated', (later: Schema) => [later, registrySchema]],
  ['the release before it made', (later: Schema) => [registrySchema, later]],
])('a program works with a registry that %s', async (_, order) => {
  const [maker, worker] = order(laterOf(registrySchema, 'Tenants')) as [Schema, Schema];
  const path = place.file('registry.db');
  await program(registrySchema, path, undefined).schema.migrate();
  await program(maker, path, undefined).schema.migrate();
  const registry = new SqliteRegistry(
    program(worker, path, undefined).handle,
    new TenantFiles(path),
    null,
    () => {},
  );
  await add(registry, 'acme');
  await registry.change(definition('acme', { weight: 3 }), keyOf('acme'));
  expect(await planAll(registry)).toEqual(['acme']);
  await report(registry, 'acme', { idleStreak: 2 });
  expect(await planAll(registry)).toEqual([]);
  expect(await registry.wake(['acme'])).toMatchObject({ tenantIds: ['acme'] });
  expect(await planAll(registry)).toEqual(['acme']);
  expect(await registry.list()).toMatchObject([{ id: 'acme', weight: 3 }]);
});
