/** F3, F4, F6: hosts that share the tenants by ranges (MULTI_OUTBOX_PLANNERS), on one registry. */
import { rangeOf } from '../../src/engine/plan-range.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();
afterEach(() => place.clear());

const names = Array.from({ length: 24 }, (_, index) => `tenant-${index}`);
const planners = 3;
const options = { plan: { planners, redispatchMs: '1h' } } as const;
const tenantsOf = ({ requests }: { requests: readonly { tenantId: string }[] }) =>
  requests.map(({ tenantId }) => tenantId);

async function registered(): Promise<void> {
  const face = place.face(options);
  await face.migrate({ tenants: [] });
  for (const id of names) await face.tenants.add({ id });
}

test('F3: three hosts that plan at the same time choose every tenant once', async () => {
  await registered();
  const hosts = Array.from({ length: 3 }, () => place.face(options));
  const plans = await Promise.all(hosts.map((host) => host.plan()));
  const chosen = plans.flatMap(tenantsOf);
  // A host leaves a range to the host that plans it.
  for (let more = 0; chosen.length < names.length && more < 3; more++)
    chosen.push(...tenantsOf(await hosts[more]!.plan()));
  expect(chosen.sort()).toEqual([...names].sort());
  expect((await hosts[0]!.status()).lastPlan).not.toBeNull();
});

test('F3: one host alone plans all ranges, and the plan reports them as one', async () => {
  await registered();
  const host = place.face(options);
  const report = await host.plan();
  expect(tenantsOf(report).sort()).toEqual([...names].sort());
  expect(report).toMatchObject({ status: 'planned', due: names.length, more: false });
  const { lastPlan } = await host.status();
  expect(lastPlan).toMatchObject({ due: names.length, chosen: names.length });
  const again = await host.plan();
  expect(again).toMatchObject({ status: 'idle', due: 0, requests: [] });
  expect(again.nextDueInMs).toBeGreaterThan(0);
});

test('F3: hosts with one, two and three planners side by side choose every tenant once', async () => {
  await registered();
  const counts = [1, 2, 3];
  const hosts = counts.map((each) => place.face({ plan: { ...options.plan, planners: each } }));
  const chosen = (await Promise.all(hosts.map((host) => host.plan()))).flatMap(tenantsOf);
  expect(chosen.sort()).toEqual([...names].sort());
});

test('F4: a small capacity serves all ranges in turn', async () => {
  await registered();
  const host = place.face(options);
  const ranges: number[] = [];
  for (let nth = 0; nth < 6; nth++) {
    const { requests, more } = await host.plan({ capacity: 1 });
    ranges.push(rangeOf(requests[0]!.tenantId, planners));
    expect(more).toBe(true);
  }
  expect(ranges.slice(0, 3).sort()).toEqual([1, 2, 3]);
  expect(ranges.slice(3).sort()).toEqual([1, 2, 3]);
});

test('F3, F6: a range whose planner is stuck is planned after its lease, and the plan says that it is late', async () => {
  await registered();
  const host = place.face({ plan: { ...options.plan, intervalMs: '10ms' } });
  const registry = await place.registry();
  const range = { range: 2, of: planners };
  const stuck = names.filter((id) => rangeOf(id, planners) === range.range);
  await registry.beginPlan({ owner: 'stuck', leaseMs: 1_500, limit: 100, range });
  const begunUtc = (await host.status()).lastPlan!.utc.getTime();
  const meanwhile = await host.plan();
  const chosen = tenantsOf(meanwhile);
  expect(chosen.sort()).toEqual(names.filter((id) => !stuck.includes(id)).sort());
  expect((await host.plan()).status).toBe('leased-elsewhere');
  // The other ranges were planned since.
  expect((await host.status()).lastPlan!.utc.getTime()).toBe(begunUtc);
  const after = await until('the range is planned', async () => {
    const plan = await host.plan();
    return plan.status === 'planned' && plan;
  });
  expect(tenantsOf(after).sort()).toEqual([...stuck].sort());
  expect(after).toMatchObject({ late: true, unfinished: true });
  expect((await host.status()).lastPlan!.utc.getTime()).toBeGreaterThan(begunUtc);
});

test('F7: three hosts that run serve what is enqueued, whatever range its tenant is in', async () => {
  const { seen, handlers } = noting();
  const face = await place.fleet(names.slice(0, 6), { ...options, handlers });
  const stopping = new AbortController();
  const hosts = [face, place.face({ ...options, handlers }), place.face({ ...options, handlers })];
  const running = hosts.map((host) => host.run({ signal: stopping.signal }));
  const producer = place.face(options);
  for (const id of names.slice(0, 6)) await producer.outbox(id).enqueue({ topic: 'orders', payload: id });
  await until('all messages are handled', () => seen.length === 6);
  stopping.abort();
  await Promise.all(running);
  expect(seen.sort()).toEqual(
    names
      .slice(0, 6)
      .map((id) => `${id}:${id}`)
      .sort(),
  );
});
