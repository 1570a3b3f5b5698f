import type { TenantRecord } from '../../../../src/engine/registry.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { readTenantChanges } from '../../../../src/fleet/tenants/tenant-changes.ts';
import { tenantRecord } from '../../../support/candidate.ts';
import { backUpFile } from '../../../support/sqlite-backup.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();

/** A real registry with the tenants 'a' and 'b', and a reader that knows both. */
async function scene() {
  const registry = await place.registry();
  const asked = jest.spyOn(registry, 'changesSince');
  const add = (id: string) => registry.add(tenantDefinition({ id }), `key-of-${id}`);
  const change = (id: string, priority: number) =>
    registry.change(tenantDefinition({ id, priority }), `key-of-${id}`);
  const known = [await add('a'), await add('b')];
  const { version } = await registry.changesSince(null);
  const read = async (from: number | null, records: readonly TenantRecord[]) => {
    asked.mockClear();
    const { tenants, isWhole } = await readTenantChanges(registry, from, records);
    return { ids: tenants.map(({ id }) => id), isWhole, asked: asked.mock.calls.flat() };
  };
  return { registry, add, change, known, version, read };
}

describe('the changes of tenants since a version (F2)', () => {
  test('F2: tenants that did not change are not read', async () => {
    const { change, known, version, read } = await scene();
    expect(await read(version, known)).toEqual({ ids: [], isWhole: false, asked: [version] });
    // The registry still has a tenant of the version, so that it can tell what changed since.
    await change('a', 5);
    expect(await read(version, known)).toEqual({ ids: ['a'], isWhole: false, asked: [version] });
  });

  test('F2: without a version only the latest one is read, whatever is known', async () => {
    const { known, read } = await scene();
    expect(await read(null, known)).toEqual({ ids: [], isWhole: false, asked: [null] });
  });

  test('F2: records that the reader got by calls of its own are only changes', async () => {
    const { add, change, known, version, read } = await scene();
    const newer = [await change('a', 5), known[1]!, await add('c')];
    expect(await read(version, newer)).toEqual({ ids: ['a', 'c'], isWhole: false, asked: [version] });
  });

  test('F2: if the registry does not have a newer record any more, all tenants are read', async () => {
    const { add, change, known, version, read } = await scene();
    const restore = backUpFile(place.file('registry.db'));
    const newer = [await change('a', 5), known[1]!];
    const more = [...known, await add('c')];
    await restore();
    const all = { ids: ['a', 'b'], isWhole: true, asked: [version, 0] };
    expect(await read(version, newer)).toEqual(all);
    expect(await read(version, more)).toEqual(all);
  });

  test('F2: if the registry has the version no more, it returns all tenants, and is asked once', async () => {
    const { add, known, read } = await scene();
    const restore = backUpFile(place.file('registry.db'));
    const { version } = await add('c');
    const later = await add('d');
    await restore();
    expect(await read(version, [...known, later])).toEqual({
      ids: ['a', 'b'],
      isWhole: true,
      asked: [version],
    });
  });

  test('F2: a registry that was restored to a time before its first tenant has none', async () => {
    const registry = await place.registry();
    expect(await readTenantChanges(registry, 0, [tenantRecord('a', { version: 1 })])).toEqual({
      version: 0,
      tenants: [],
      isWhole: true,
    });
  });
});
