import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { MixedEngine } from '../../../src/fleet/mixed-engine.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

const place = new SqlitePlace();
const onServer = tenantDefinition({ id: 'b', server: 'sql.database.windows.net', database: 'sales' });

function engines() {
  const [embedded, server] = [place.engine(), createSqlServerEngine({})];
  return { embedded, server, engine: new MixedEngine(embedded, server) };
}

describe('an engine for tenants in files and on servers (F2)', () => {
  test('F1, F2: each tenant’s address decides which engine opens and identifies its database', async () => {
    const { embedded, server, engine } = engines();
    const inFile = tenantDefinition({ id: 'a' });
    await engine.openTenant(inFile).schema.migrate();
    expect(engine.fileId(inFile)).toBe(embedded.fileId(inFile));
    expect(engine.fileId(inFile)).not.toBeNull();
    expect(engine.fileId(onServer)).toBeNull();
    expect(engine.databaseKey(inFile)).toBe(embedded.databaseKey(inFile));
    expect(engine.databaseKey(onServer)).toBe(server.databaseKey(onServer));
    await engine.close();
  });

  test('F2: the registry is the embedded engine’s', async () => {
    const { engine } = engines();
    const registry = engine.openRegistry();
    await registry.schema.migrate();
    await registry.add(onServer, engine.databaseKey(onServer));
    expect((await registry.list()).map(({ id }) => id)).toEqual(['b']);
    await engine.close();
  });

  test('F8: close closes both engines', async () => {
    const { engine } = engines();
    await engine.close();
    for (const address of [tenantDefinition({ id: 'a' }), onServer])
      expect(() => engine.openTenant(address)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});
