import { selectTenants } from '../../../../src/fleet/operations/select-tenants.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();

async function registryOf(...ids: string[]) {
  const registry = await place.registry();
  for (const id of ids) await registry.add(tenantDefinition({ id }), `key-of-${id}`);
  await registry.setStatus('b', 'retired');
  await registry.setStatus('c', 'paused');
  return registry;
}

const idsOf = (tenants: readonly { id: string }[]) => tenants.map(({ id }) => id);

test('F2: all tenants are those that are not retired', async () => {
  expect(idsOf(await selectTenants(await registryOf('a', 'b', 'c'), undefined))).toEqual(['a', 'c']);
});

test('F2, F9: named tenants are read in their order, retired ones too; an unknown one is named', async () => {
  const registry = await registryOf('a', 'b', 'c');
  expect(idsOf(await selectTenants(registry, ['c', 'b']))).toEqual(['c', 'b']);
  expect(await selectTenants(registry, [])).toEqual([]);
  await expect(selectTenants(registry, ['a', 'nobody'])).rejects.toMatchObject({
    code: 'UNKNOWN_TENANT',
    tenantId: 'nobody',
  });
});
