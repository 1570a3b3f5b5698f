/** The paths of tenants' files, and the addresses that name the same file (F1). */
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TenantAddress } from '../../../src/engine/engine.ts';
import { createSqliteEngine, tenantFile } from '../../../src/engine/sqlite/index.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

const place = new SqlitePlace();

function address(database: string, more: Partial<TenantAddress> = {}): TenantAddress {
  return { ...tenantDefinition({ id: 'acme' }), database, ...more };
}

test('F1: a file is relative to the folder of the registry', () => {
  const registry = path.resolve('/srv/fleet/registry.db');
  const file = (...parts: string[]) => path.resolve('/srv', ...parts);
  expect(tenantFile(registry, address('acme.db'))).toBe(file('fleet', 'acme.db'));
  expect(tenantFile(registry, address('tenants/acme.db'))).toBe(file('fleet', 'tenants', 'acme.db'));
  expect(tenantFile(registry, address('../acme.db'))).toBe(file('acme.db'));
  expect(tenantFile(registry, address(file('else', 'acme.db')))).toBe(file('else', 'acme.db'));
  expect(tenantFile(':memory:', address('acme.db'))).toBe(path.resolve('acme.db'));
});

test('F1: links to a file and to its folder have its key', () => {
  const engine = place.engine();
  mkdirSync(place.file('tenants'));
  writeFileSync(place.file('tenants/acme.db'), '');
  symlinkSync(place.file('tenants'), place.file('folder-link'));
  symlinkSync(place.file('tenants/acme.db'), place.file('file-link.db'));
  const key = engine.databaseKey(address('tenants/acme.db'));
  for (const other of ['folder-link/acme.db', 'file-link.db', 'tenants/../file-link.db']) {
    expect(engine.databaseKey(address(other))).toBe(key);
  }
  expect(engine.databaseKey(address('tenants/other.db'))).not.toBe(key);
});

test('F1: the key of a file in folders that are not there yet stays the same when they are', () => {
  const engine = place.engine();
  mkdirSync(place.file('real'));
  symlinkSync(place.file('real'), place.file('link'));
  const before = engine.databaseKey(address('link/new/acme.db'));
  mkdirSync(place.file('real/new'));
  expect(engine.databaseKey(address('real/new/acme.db'))).toBe(before);
  writeFileSync(place.file('real/new/acme.db'), '');
  expect(engine.databaseKey(address('link/new/acme.db'))).toBe(before);
});

test.each([
  ['a server', address('acme.db', { server: 'sql.example.net' })],
  ['no file', address(' ')],
  ['a database in memory', address(':memory:')],
  ['a URI', address('file:acme.db?mode=memory')],
  ['a NUL', address('acme\0.db')],
  ['a side file of another database', address('other.db-wal')],
  ['the journal of another database', address('other.db-journal')],
  ['the shared memory of another database', address('Other.DB-SHM')],
  ['a side file with a slash at its end', address('other.db-journal/')],
  ['a side file with slashes at its end', address('other.db-wal//')],
  ['a side file with a dot at its end', address('tenants/../other.db-shm/.')],
  ['the file of the registry', address('registry.db')],
  ['the file of the registry by another path', address('tenants/../registry.db')],
])('F1: %s is not an address of a tenant', (_what, unfit) => {
  const engine = place.engine();
  const refusal = expect.objectContaining({ code: 'INVALID_TENANT', tenantId: 'acme' });
  expect(() => engine.databaseKey(unfit)).toThrow(refusal);
  expect(() => engine.openTenant(unfit)).toThrow(refusal);
});

test('F1: a link to a side file of another database is not an address of a tenant, nor of the registry', () => {
  const engine = place.engine();
  writeFileSync(place.file('other.db-wal'), '');
  symlinkSync(place.file('other.db-wal'), place.file('link.db'));
  const refusal = expect.objectContaining({ code: 'INVALID_TENANT', tenantId: 'acme' });
  expect(() => engine.databaseKey(address('link.db'))).toThrow(refusal);
  expect(() => engine.openTenant(address('link.db'))).toThrow(refusal);
  for (const registry of [place.file('link.db'), `${place.file('other.db-wal')}/`]) {
    expect(() => createSqliteEngine({ registry })).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIGURATION' }),
    );
  }
});

test('F1: nor is, on Windows, another name of a side file: Windows ignores dots at the end', () => {
  const engine = place.engine();
  const name = place.file('other.db-wal.');
  writeFileSync(name, '');
  const { platform } = process;
  const { native } = realpathSync;
  Object.defineProperty(process, 'platform', { value: 'win32' });
  const real = jest
    .spyOn(realpathSync, 'native')
    .mockImplementation(((file: string) => native(file).replace(/\.$/, '')) as typeof native);
  try {
    expect(() => engine.openTenant(address('other.db-wal.'))).toThrow(
      expect.objectContaining({ code: 'INVALID_TENANT' }),
    );
  } finally {
    Object.defineProperty(process, 'platform', { value: platform });
    real.mockRestore();
  }
});

test('F2: a registry in memory needs no migration, and lives as long as the engine', async () => {
  const engine = createSqliteEngine({ registry: ':memory:' });
  const first = engine.openRegistry();
  await first.add(tenantDefinition({ id: 'acme' }), 'key');
  await first.close();
  const second = engine.openRegistry();
  expect(await second.list()).toMatchObject([{ id: 'acme', status: 'active' }]);
  expect(await second.schema.version()).toBe(second.schema.latest);
  expect((await second.schema.migrate()).steps).toEqual([]);
  await engine.close();
  expect(() => engine.openRegistry()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
});
