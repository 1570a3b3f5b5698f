/** The schema: its content, its migration, and the databases that are refused. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseFile } from '../../../src/engine/sqlite/file.ts';
import { DatabaseHandle } from '../../../src/engine/sqlite/handle.ts';
import { registryMigrations, tenantMigrations } from '../../../src/engine/sqlite/migrations/index.ts';
import type { Migration } from '../../../src/engine/sqlite/migrations/migration.ts';
import { SqliteWorkQueue } from '../../../src/engine/sqlite/queue/work-queue.ts';
import { SqliteSchema } from '../../../src/engine/sqlite/schema-control.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { failure, message, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

/** A program whose tenant schema has these steps. */
async function withSteps<T>(
  migrations: readonly Migration[],
  work: (schema: SqliteSchema, queue: SqliteWorkQueue) => Promise<T>,
  oldestUsable = 1,
): Promise<T> {
  const file = new DatabaseFile(tenantFileOf(place), 'full');
  const schema = { migrations, oldestUsable };
  const handle = new DatabaseHandle(file, { tenantId: 'acme', schema, busyTimeoutMs: 1_000 });
  try {
    return await work(new SqliteSchema(handle), new SqliteWorkQueue(handle, 'outbox'));
  } finally {
    file.disconnect();
  }
}

const next: Migration = {
  version: 2,
  name: 'more',
  sql: 'CREATE TABLE More (Id INTEGER PRIMARY KEY) STRICT;',
};

/** The schema of a database as SQL, which must be the same for databases of every release. */
function dump(file: string): Promise<string> {
  return withProgram(file, (db) => {
    const rows = db.prepare(`SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid`).all();
    return `${rows.map(({ sql }) => `${sql};`).join('\n\n')}\n`;
  });
}

test.each([
  ['tenant', () => place.tenant(), () => tenantFileOf(place)],
  ['registry', () => place.registry(), () => place.file('registry.db')],
])('the schema of a %s database is the one reviewed', async (kind, make, file) => {
  await make();
  const reviewed = path.join(__dirname, `${kind}-schema.sql`);
  const made = await dump(file());
  // To review a new step, rewrite the dump (WRITE_SCHEMA=1) and read its diff.
  if (process.env.WRITE_SCHEMA === '1') writeFileSync(reviewed, made);
  expect(made).toBe(readFileSync(reviewed, 'utf8'));
});

test.each([
  ['tenant', tenantMigrations],
  ['registry', registryMigrations],
])('the steps of a %s database are numbered without gaps', (_kind, migrations) => {
  expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
});

test('a tenant file is made with its folders, in WAL mode', async () => {
  const { schema } = place.engine().openTenant(tenantDefinition({ id: 'acme', database: 'deep/er/acme.db' }));
  expect(await schema.version()).toBe(0);
  expect(await schema.migrate({ dryRun: true })).toMatchObject({ from: 0, steps: [{ version: 1 }] });
  expect(existsSync(place.file('deep'))).toBe(false);
  await schema.migrate();
  await withProgram(place.file('deep/er/acme.db'), (db) => {
    expect(db.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'wal' });
    expect(db.prepare('SELECT * FROM SchemaJournal').all()).toMatchObject([
      { Version: 1, Name: 'work queues and leases', Checksum: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
  });
});

test('the tables are created beside those of the application, in its database', async () => {
  const application = place.file('app.db');
  await withProgram(application, (db) =>
    db.exec(`CREATE TABLE Orders (Id INTEGER); INSERT INTO Orders VALUES (7)`),
  );
  const { schema } = place.engine().openTenant(tenantDefinition({ id: 'acme', database: 'app.db' }));
  const mode = () => withProgram(application, (db) => db.prepare('PRAGMA journal_mode').get());
  // Inspecting the schema changes nothing, not even the journal mode.
  expect(await schema.version()).toBe(0);
  await schema.migrate({ dryRun: true });
  expect(await mode()).toMatchObject({ journal_mode: 'delete' });
  await schema.migrate();
  expect(await mode()).toMatchObject({ journal_mode: 'wal' });
  await withProgram(application, (db) => {
    expect(db.prepare('SELECT Id FROM Orders').all()).toMatchObject([{ Id: 7 }]);
  });
});

test('a database below the oldest version that a program works with is outdated until it is migrated', async () => {
  await place.tenant();
  await withSteps(
    [...tenantMigrations, next],
    async (schema, queue) => {
      const error = await failure(queue.enqueue([message('x')]));
      expect(error).toMatchObject({ code: 'SCHEMA_OUTDATED', tenantId: 'acme' });
      expect(error.message).toMatch(/at version 1.*needs 2 or later.*multi-outbox migrate --tenant acme/);
      expect((await schema.inspect()).findings).toMatchObject([
        { kind: 'version', message: expect.stringContaining('its runs need 2 or later') },
      ]);
      const migrated = { from: 1, to: 2, steps: [{ version: 2, name: 'more' }] };
      expect(await schema.migrate({ dryRun: true })).toEqual(migrated);
      expect(await schema.migrate()).toEqual(migrated);
      await queue.enqueue([message('x')]);
    },
    2,
  );
});

test('a step that was applied in another form is refused', async () => {
  await place.tenant();
  const [first, ...others] = tenantMigrations;
  const changed = [{ ...first!, sql: `${first!.sql} ` }, ...others, next];
  await withSteps(changed, async (schema) => {
    const error = await failure(schema.migrate());
    expect(error).toMatchObject({ code: 'SCHEMA_CHANGED', tenantId: 'acme' });
    expect(error.message).toContain("step 1 ('work queues and leases')");
    expect(await schema.version()).toBe(1);
  });
});

test('a failed step rolls back the whole migration', async () => {
  await place.tenant();
  const broken: Migration = {
    version: 3,
    name: 'broken',
    sql: 'CREATE TABLE Even (Id INTEGER); CREATE TABLE Outbox (Id);',
  };
  await withSteps([...tenantMigrations, next, broken], async (schema) => {
    expect(await failure(schema.migrate())).toMatchObject({ code: 'DATABASE_ERROR', tenantId: 'acme' });
    expect(await schema.version()).toBe(1);
  });
  expect(await dump(tenantFileOf(place))).not.toMatch(/More|Even/);
});

test('a migration of one host waits for the migration of another', async () => {
  await place.tenant();
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec('BEGIN IMMEDIATE');
    const migrating = withSteps([...tenantMigrations, next], (schema) => schema.migrate());
    db.exec('COMMIT');
    expect(await migrating).toMatchObject({ from: 1, to: 2 });
  });
});
