import { linkSync, writeFileSync } from 'node:fs';
import type { Engine, TenantAddress } from '../../../../src/engine/engine.ts';
import type { Registry } from '../../../../src/engine/registry.ts';
import { type Diagnosis, examineFleet } from '../../../../src/fleet/operations/doctor.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { withHostClockShifted } from '../../../conformance/clock.ts';
import { countOpen } from '../../../support/count-open.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';
import { moveTimes } from '../../../support/sqlite-times.ts';

const place = new SqlitePlace();

async function fleetOf(...ids: string[]) {
  const engine = place.engine();
  const registry = await place.registry(engine);
  for (const id of ids) {
    await place.tenant(id, engine);
    await registry.add(tenantDefinition({ id }), `key-of-${id}`);
  }
  return { engine, registry };
}

const kinds = (diagnoses: readonly Diagnosis[]) =>
  diagnoses.map(({ tenantId, findings }) => [tenantId, findings.map(({ kind }) => kind)]);

test('D8: an unreachable tenant is reported with its error, and the others are checked', async () => {
  const { engine, registry } = await fleetOf('a', 'c');
  await registry.add(tenantDefinition({ id: 'b' }), 'key-of-b');
  writeFileSync(place.file('tenants/b.db'), 'no database at all, and longer than a header '.repeat(40));
  const told: unknown[] = [];
  const diagnoses = await examineFleet(engine, registry, {
    parallel: 1,
    onTenant: ({ tenantId, reachable }, done, of) => told.push([tenantId, reachable, done, of]),
  });
  expect(kinds(diagnoses)).toEqual([
    [null, []],
    ['a', []],
    ['b', ['unreachable']],
    ['c', []],
  ]);
  expect(diagnoses[2]).toMatchObject({
    version: null,
    clockAheadMs: null,
    findings: [{ severity: 'problem' }],
  });
  expect(told).toEqual([
    [null, true, 1, 4],
    ['a', true, 2, 4],
    ['b', false, 3, 4],
    ['c', true, 4, 4],
  ]);
});

test('a registry without a schema is the only finding, because it lists no tenants', async () => {
  const engine = place.engine();
  writeFileSync(place.file('registry.db'), '');
  const diagnoses = await examineFleet(engine, engine.openRegistry(), {});
  expect(kinds(diagnoses)).toEqual([[null, ['version']]]);
});

test('D8: a registry that cannot be reached is the only finding, also for named tenants', async () => {
  const engine = place.engine();
  writeFileSync(place.file('registry.db'), 'no database at all, and longer than a header '.repeat(40));
  for (const options of [{}, { tenants: ['a'] }])
    expect(await examineFleet(engine, engine.openRegistry(), options)).toMatchObject([
      { tenantId: null, reachable: false, findings: [{ severity: 'problem', kind: 'unreachable' }] },
    ]);
});

test('F1: each tenant on a shared file is told which others use it; tenants without a file share none', async () => {
  const { engine, registry } = await fleetOf('a');
  for (const id of ['b', 'c', 'none', 'neither'])
    await registry.add(tenantDefinition({ id }), `key-of-${id}`);
  for (const id of ['b', 'c']) linkSync(place.file('tenants/a.db'), place.file(`tenants/${id}.db`));
  const sharedBy = (diagnoses: readonly Diagnosis[]) =>
    diagnoses.flatMap(({ tenantId, findings }) => {
      const shared = findings.filter(({ kind }) => kind === 'shared');
      return shared.map(({ severity, message }) => [tenantId, severity, message.replace(/, by .*/, '')]);
    });
  const also = 'its file is also that of tenant';
  const diagnoses = await examineFleet(engine, registry, { parallel: 1 });
  expect(sharedBy(diagnoses)).toEqual([
    ['a', 'problem', `${also} 'b', 'c'`],
    ['b', 'problem', `${also} 'a', 'c'`],
    ['c', 'problem', `${also} 'a', 'b'`],
  ]);
  // The other findings about it stay, and tenants that are not named are compared as well.
  const [, named] = await examineFleet(engine, registry, { tenants: ['b'] });
  expect(named!.findings).toEqual(diagnoses[2]!.findings);
  expect(named!.findings.map(({ kind }) => kind)).toEqual([expect.anything(), 'shared']);
});

test('F1: for named tenants without files, the others are not read', async () => {
  const { engine, registry } = await fleetOf('a');
  await registry.add(tenantDefinition({ id: 'none' }), 'key-of-none');
  const list = jest.spyOn(registry, 'list');
  expect(await examineFleet(engine, registry, { tenants: ['none'] })).toHaveLength(2);
  expect(list).not.toHaveBeenCalled();
  await examineFleet(engine, registry, { tenants: ['a'] });
  expect(list).toHaveBeenCalledTimes(1);
});

test('F8: four tenants are examined at once unless the caller says otherwise', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  const { engine, registry } = await fleetOf(...ids);
  for (const [options, most] of [
    [{}, 4],
    [{ parallel: 2 }, 2],
  ] as const) {
    const counted = countOpen(engine);
    expect(await examineFleet(counted.engine, registry, options)).toHaveLength(7);
    expect(counted.most()).toBe(most);
  }
});

test.each([
  [-3_600_000, / (59|60)m ahead of/],
  [3_600_000, / (59|60)m behind/],
])(
  'Q2: differing clocks are reported, with the one that is ahead (this program %p ms ahead)',
  async (shiftMs, text) => {
    const { engine, registry } = await fleetOf();
    await withHostClockShifted(shiftMs, async () => {
      const [ofRegistry] = await examineFleet(engine, registry, { tenants: [] });
      expect(ofRegistry!.findings).toEqual([
        { severity: 'problem', kind: 'clock', message: expect.stringMatching(text) },
      ]);
    });
  },
);

test('Q2: clocks that differ by at most five seconds are fine', async () => {
  const { engine, registry } = await fleetOf();
  for (const shiftMs of [-4_000, 4_000])
    await withHostClockShifted(shiftMs, async () => {
      expect(kinds(await examineFleet(engine, registry, { tenants: [] }))).toEqual([[null, []]]);
    });
});

test('Q2: clocks that differ by eight seconds are reported', async () => {
  const { engine, registry } = await fleetOf();
  for (const shiftMs of [-8_000, 8_000])
    await withHostClockShifted(shiftMs, async () => {
      expect(kinds(await examineFleet(engine, registry, { tenants: [] }))).toEqual([[null, ['clock']]]);
    });
});

test('F8: each tenant’s database is closed once it is examined', async () => {
  const { engine, registry } = await fleetOf('a', 'b');
  const open = new Set<string>();
  const watched: Engine = Object.assign(Object.create(engine), {
    openTenant(address: TenantAddress) {
      const database = engine.openTenant(address);
      open.add(address.id);
      const close = async () => {
        open.delete(address.id);
        await database.close();
        throw new Error('the connection broke while closing');
      };
      return Object.assign(Object.create(database), { schema: database.schema, close });
    },
  });
  expect(kinds(await examineFleet(watched, registry, {}))).toEqual([
    [null, []],
    ['a', []],
    ['b', []],
  ]);
  expect(open).toEqual(new Set());
});

test.each([
  [5_010, []],
  [5_011, ['clock']],
  [-5_010, []],
  [-5_011, ['clock']],
])(
  'Q2: a difference counts as far as it exceeds what the measurement may be wrong by (%p ms)',
  async (ms, found) => {
    const { engine, registry } = await fleetOf();
    const { schema } = registry;
    const measured: Registry = Object.assign(Object.create(registry), {
      schema: Object.assign(Object.create(schema), {
        inspect: async () => ({ ...(await schema.inspect()), clockAheadMs: ms, clockErrorMs: 10 }),
      }),
    });
    expect(kinds(await examineFleet(engine, measured, { tenants: [] }))).toEqual([[null, found]]);
  },
);

test.each([
  [5_010, []],
  [5_011, ['clock']],
])(
  'Q16: a renewal later than now counts as far as it exceeds what the measurement may be wrong by (%p ms)',
  async (ms, found) => {
    const { engine, registry } = await fleetOf();
    const [{ schema }, aheadMs, now] = [registry, 1_000, Date.parse('2026-03-01T10:00:00.000Z')];
    const renewals = [new Date(now + aheadMs + ms), new Date(0), null];
    const measured: Registry = Object.assign(Object.create(registry), {
      schema: Object.assign(Object.create(schema), {
        inspect: async () => ({ ...(await schema.inspect()), clockAheadMs: aheadMs, clockErrorMs: 10 }),
      }),
      leases: { list: async () => renewals.map((renewedUtc) => ({ renewedUtc })) },
    });
    const clock = jest.spyOn(Date, 'now').mockReturnValue(now);
    const diagnoses = await examineFleet(engine, measured, { tenants: [] });
    clock.mockRestore();
    expect(kinds(diagnoses)).toEqual([[null, found]]);
  },
);

test('Q16: a clock that was set back is reported, in the registry and in a tenant’s database', async () => {
  const { engine, registry } = await fleetOf('a');
  const database = await place.tenant('a', engine);
  const lease = { name: 'job', owner: 'host-1', durationMs: 60_000 };
  await registry.leases.acquire(lease);
  await database.leases.acquire(lease);
  expect(kinds(await examineFleet(engine, registry, {}))).toEqual([
    [null, []],
    ['a', []],
  ]);
  for (const file of ['registry.db', 'tenants/a.db']) moveTimes(place.file(file), 3_600_000);
  const finding = {
    severity: 'advice',
    kind: 'clock',
    message: expect.stringMatching(/set back by (59|60)m or more/),
  };
  expect(await examineFleet(engine, registry, {})).toMatchObject([
    { tenantId: null, findings: [finding] },
    { tenantId: 'a', findings: [finding] },
  ]);
});
