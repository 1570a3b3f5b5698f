/** Q15: rows of the registry that a program stored with the constraints switched off. */

import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { withProgram } from './scene.ts';

const place = new SqlitePlace();
const ticks = '639000000000000000';

async function registryWith(values: string) {
  const registry = await place.registry();
  for (const id of ['acme', 'beta']) await registry.add(tenantDefinition({ id }), `key of ${id}`);
  await withProgram(place.file('registry.db'), (db) =>
    db.exec(`PRAGMA ignore_check_constraints = ON; UPDATE Tenants SET ${values} WHERE Id = 'acme'`),
  );
  return registry;
}

test('Q15: integers that JavaScript cannot hold are one tenant’s trouble', async () => {
  const columns = [
    'AddedUtc',
    'SchemaVersion',
    'LastPlannedUtc',
    'LastRunUtc',
    'LastErrorUtc',
    'TotalDone',
    'IdleStreak',
  ];
  const registry = await registryWith(columns.map((column) => `${column} = ${ticks}`).join(', '));
  const listed = await registry.list();
  expect(listed.map(({ id, unreadable }) => [id, unreadable?.schedule.slice().sort()])).toEqual([
    ['acme', [...columns].sort()],
    ['beta', undefined],
  ]);
  const plan = await registry.beginPlan({ owner: 'planner', leaseMs: 60_000, limit: 10 });
  expect(plan).toMatchObject({
    status: 'due',
    due: 2,
    candidates: [{ tenant: { id: 'acme' } }, { tenant: { id: 'beta' } }],
  });
});

test('Q15: a version out of range keeps its tenant from being served, and no other from being read', async () => {
  const registry = await registryWith(`Version = ${ticks}`);
  expect((await registry.get('acme'))!.unreadable).toEqual({ definition: ['Version'], schedule: [] });
  expect((await registry.changesSince(1)).tenants.map(({ id }) => id)).toContain('beta');
});

test('Q15: a due time in ticks does not stop the plan', async () => {
  const registry = await registryWith(`NextDueUtc = ${ticks}`);
  const plan = await registry.beginPlan({ owner: 'planner', leaseMs: 60_000, limit: 10 });
  if (plan.status !== 'due') throw new Error(`the plan is ${plan.status}`);
  expect(plan.candidates.map(({ tenant }) => tenant.id)).toEqual(['beta']);
  const choices = plan.candidates.map(({ tenant, planVersion }) => ({ tenantId: tenant.id, planVersion }));
  await registry.commitPlan({ lease: plan.lease, choices, redispatchMs: 3_600_000 });
  const idle = await registry.beginPlan({ owner: 'planner', leaseMs: 60_000, limit: 10 });
  expect(idle).toMatchObject({ status: 'idle' });
  expect((await registry.get('acme'))!.unreadable).toEqual({ definition: [], schedule: ['NextDueUtc'] });
});

test.each([
  `NextDueUtc = ${ticks}`,
  `LastRunUtc = 1774000000000000000`,
  `OutboxState = 'orders'`,
  `FailingTopics = 'orders'`,
  `LastCounts = '{'`,
  `TotalDone = -1`,
  `Version = 9007199254740992`,
  `Backlog = 2`,
])('Q15: the table refuses %s', async (values) => {
  const registry = await place.registry();
  await registry.add(tenantDefinition({ id: 'acme' }), 'key of acme');
  const change = withProgram(place.file('registry.db'), (db) => db.exec(`UPDATE Tenants SET ${values}`));
  await expect(change).rejects.toThrow(/CHECK constraint failed/);
});
