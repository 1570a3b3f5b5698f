import { writeFileSync } from 'node:fs';
import type { Engine, TenantAddress } from '../../../../src/engine/engine.ts';
import type { Registry } from '../../../../src/engine/registry.ts';
import { type Diagnosis, examineFleet } from '../../../../src/fleet/operations/doctor.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { withHostClockShifted } from '../../../conformance/clock.ts';
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

test.each([
  [-3_600_000, /3[56]\d\d s ahead of/],
  [3_600_000, /3[56]\d\d s behind/],
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
    message: expect.stringMatching(/set back by 3[56]\d\d s/),
  };
  expect(await examineFleet(engine, registry, {})).toMatchObject([
    { tenantId: null, findings: [finding] },
    { tenantId: 'a', findings: [finding] },
  ]);
});
