/** Q15: rows of the registry that a program stored with the constraints switched off. */

import { emptyHistogram } from '../../../src/engine/histogram.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { withProgram } from './scene.ts';

const place = new SqlitePlace();
const ticks = '639000000000000000';
const largest = '9223372036854775807';
const lastDay = '253402214400000';
const whichRow: Readonly<Record<string, string>> = {
  Tenants: `Id = 'acme'`,
  RegistryState: 'Id = 1',
  Leases: `Name = 'plan'`,
};
const planRequest = { owner: 'planner', leaseMs: 60_000, limit: 10 };

async function registryWith(values: string, table = 'Tenants') {
  const registry = await place.registry();
  for (const id of ['acme', 'beta']) await registry.add(tenantDefinition({ id }), `key of ${id}`);
  await withProgram(place.file('registry.db'), (db) =>
    db.exec(`PRAGMA ignore_check_constraints = ON; UPDATE ${table} SET ${values} WHERE ${whichRow[table]}`),
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
  `DatabaseVersion = Version + 1`,
  `Backlog = 2`,
])('Q15: the table refuses %s', async (values) => {
  const registry = await place.registry();
  await registry.add(tenantDefinition({ id: 'acme' }), 'key of acme');
  const change = withProgram(place.file('registry.db'), (db) => db.exec(`UPDATE Tenants SET ${values}`));
  await expect(change).rejects.toThrow(/CHECK constraint failed/);
});

test.each([
  ['RegistryState', `LastPlanUtc = ${ticks}`],
  ['RegistryState', `DrawInMs = ${largest}`],
  ['RegistryState', 'DrawInMs = -1'],
  ['RegistryState', `TenantVersion = ${largest}`],
  ['RegistryState', 'Poisoned = -1'],
  ['RegistryState', `LastPoisonedUtc = ${ticks}`],
  ['RegistryState', 'PlanOpen = 2'],
  ['Leases', 'Fence = 9007199254740992'],
  ['Leases', `ExpiresUtc = ${ticks}`],
  ['Leases', `RenewedUtc = ${ticks}`],
])('Q15: %s refuses %s', async (table, values) => {
  await place.registry();
  const change = withProgram(place.file('registry.db'), (db) => {
    db.exec(`INSERT INTO Leases (Name, Fence) VALUES ('plan', 1)`);
    db.exec(`UPDATE ${table} SET ${values}`);
  });
  await expect(change).rejects.toThrow(/CHECK constraint failed/);
});

test.each([`TotalDone = 9007199254740991`, `TotalDone = ${ticks}`, `FailureStreak = ${ticks}`])(
  'Q15, F6: the sums stay within what can be read, whatever a tenant has stored: %s',
  async (values) => {
    const registry = await registryWith(values);
    const report = {
      outcome: 'dispatched',
      durationMs: 1,
      counts: { done: 2, retried: 0, dead: 0, released: 0, parked: 0, lost: 0, recovered: 0 },
      backlog: false,
      schedule: { nextDueInMs: 0, mode: 'set', idleStreak: 0, failureStreak: 0 },
    } as const;
    for (const tenantId of ['acme', 'beta']) await registry.report({ ...report, tenantId });
    const { totals, tenants } = await registry.fleet();
    expect(tenants).toEqual({ active: 2, paused: 0, retired: 0 });
    expect(totals.done).toBe(values.startsWith('Total') ? Number.MAX_SAFE_INTEGER : 4);
  },
);

test.each(['9007199254740991', largest])(
  'Q15, S5: a sum of the history that is %s stays within what can be read, and the report succeeds',
  async (stored) => {
    const registry = await registryWith(`TotalDone = 0`);
    const report = {
      tenantId: 'acme',
      outcome: 'dispatched',
      durationMs: 1,
      counts: { done: 2, retried: 0, dead: 0, released: 0, parked: 0, lost: 0, recovered: 0 },
      times: { wait: emptyHistogram, handle: emptyHistogram },
      backlog: false,
      schedule: { nextDueInMs: 0, mode: 'set', idleStreak: 0, failureStreak: 0 },
    } as const;
    await registry.report(report);
    await withProgram(place.file('registry.db'), (db) =>
      db.exec(
        `UPDATE FleetHistory SET Done = ${stored}, Wait0 = ${stored}; UPDATE TenantHistory SET Done = ${stored}`,
      ),
    );
    await registry.report(report);
    const [minutes, hours] = [
      await registry.fleetHistory(3_600_000),
      await registry.tenantHistory('acme', 3_600_000),
    ];
    expect(minutes[0]!.counts.done).toBe(Number.MAX_SAFE_INTEGER);
    expect(minutes[0]!.wait.buckets[0]).toBe(Number.MAX_SAFE_INTEGER);
    expect(hours[0]!.counts.done).toBe(Number.MAX_SAFE_INTEGER);
  },
);

test.each([
  `OutboxState = '{"ready":9007199254740991,"dead":${largest},"oldestDueAgeMs":${largest}}', OutboxStateUtc = 0`,
  `FailureStreak = ${ticks}, TotalLost = ${largest}`,
])('Q15, F6: a tenant’s numbers do not stop the fleet’s summary: %s', async (values) => {
  const registry = await registryWith(values);
  expect((await registry.fleet()).tenants.active).toBe(2);
});

test.each([
  `LastPlanUtc = ${ticks}`,
  `LastPlanUtc = ${lastDay}`,
  `LastPlanUtc = -${ticks}`,
  `DrawInMs = ${largest}`,
  `DrawInMs = ${largest}, LastPlanUtc = ${lastDay}`,
  `DrawInMs = -${ticks}`,
  `LastPlanDue = ${ticks}, LastPlanChosen = ${ticks}, PlanOpen = ${ticks}`,
  `Poisoned = ${largest}`,
  `Poisoned = 9007199254740991, LastPoisonedUtc = ${ticks}`,
])('Q15: no value of the registry’s state stops the plan, the summary or the counts: %s', async (values) => {
  const registry = await registryWith(values, 'RegistryState');
  expect((await registry.fleet()).poisoned.total).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  expect(await registry.beginPlan(planRequest)).toMatchObject({ status: 'due', due: 2 });
  await registry.recordPoisoned();
  expect((await registry.fleet()).lastPlan).toMatchObject({ due: 2 });
});

test.each(['9007199254740991', largest, '-5'])(
  'F2, Q15: after the version %s tenants are changed, and every host reads the change',
  async (version) => {
    const registry = await registryWith(`TenantVersion = ${version}`, 'RegistryState');
    const seen = await registry.changesSince(null);
    await registry.setStatus('acme', 'paused');
    await registry.add(tenantDefinition({ id: 'gamma' }), 'key of gamma');
    const changes = await registry.changesSince(seen.version);
    expect(changes.tenants.map(({ id }) => id)).toEqual(expect.arrayContaining(['acme', 'gamma']));
    expect((await registry.changesSince(changes.version)).tenants).toEqual([]);
  },
);

test('F3, Q15: the largest plan version of a tenant stops neither the plan nor a wake', async () => {
  const registry = await registryWith('PlanVersion = 9007199254740991');
  const plan = await registry.beginPlan(planRequest);
  if (plan.status !== 'due') throw new Error(`the plan is ${plan.status}`);
  const choices = plan.candidates.map(({ tenant, planVersion }) => ({ tenantId: tenant.id, planVersion }));
  expect(await registry.commitPlan({ lease: plan.lease, choices, redispatchMs: 1 })).toEqual([
    'acme',
    'beta',
  ]);
});

test.each([
  ['Fence = 9007199254740991', 1],
  [`Fence = ${largest}`, expect.any(Number)],
  [`Owner = 'other', RenewedUtc = 0, ExpiresUtc = ${lastDay}`, 2],
  [`Owner = 'other', RenewedUtc = 0, ExpiresUtc = ${ticks}`, 2],
  [`Owner = 'other', RenewedUtc = ${ticks}, ExpiresUtc = ${ticks}`, 2],
])('Q15, Q16: a plan lease with %s stops plans no longer than for its duration', async (values, fence) => {
  const registry = await place.registry();
  for (const id of ['acme', 'beta']) await registry.add(tenantDefinition({ id }), `key of ${id}`);
  const file = place.file('registry.db');
  await withProgram(file, (db) => {
    db.exec(`INSERT INTO Leases (Name, Fence) VALUES ('plan', 1)`);
    db.exec(`PRAGMA ignore_check_constraints = ON; UPDATE Leases SET ${values} WHERE Name = 'plan'`);
  });
  expect((await registry.leases.list()).map(({ name }) => name)).toEqual(['plan']);
  let begun = await registry.beginPlan(planRequest);
  if (begun.status === 'leased-elsewhere') {
    expect(begun.expiresInMs).toBeLessThanOrEqual(planRequest.leaseMs);
    await withProgram(file, (db) => db.exec('UPDATE Leases SET ExpiresUtc = ExpiresUtc - 61000'));
    begun = await registry.beginPlan(planRequest);
  }
  expect(begun).toMatchObject({ status: 'due', due: 2, lease: { fence } });
});
