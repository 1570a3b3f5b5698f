/**
 * Measures what a plan, a wake, a report and a run cost, and computes from it what limits a fleet of 100,000 tenants with a
 * million messages an hour.
 */
import { createSqliteEngine } from '../src/engine/sqlite/index.ts';
import { assertCount, type Benchmark, type Measurement } from './benchmark.ts';
import { fill, hasty, makeTenants, openFleet, planAll, tenantNames } from './fleet.ts';
import { reportRun } from './reports.ts';
import { defaultLimits, type FleetLoad, scaleOf } from './scale-model.ts';
import { msEach, type Spread, spread } from './spread.ts';
import { interleave, timed, timedEach } from './timing.ts';

const fleet = { tenants: 100_000, messagesAnHour: 1_000_000 };

const loads: readonly FleetLoad[] = [
  { ...fleet, name: 'looks every 5m, 1 message a run', messagesARun: 1, idleCeilingSeconds: 300 },
  { ...fleet, name: 'looks every 5m, 10 messages a run', messagesARun: 10, idleCeilingSeconds: 300 },
  { ...fleet, name: 'looks every hour, 1 message a run', messagesARun: 1, idleCeilingSeconds: 3_600 },
  { ...fleet, name: 'looks once a day, 1 message a run', messagesARun: 1, idleCeilingSeconds: 86_400 },
];

export const scale: Benchmark = {
  name: 'scale',
  title: 'what limits 100,000 tenants with 1,000,000 messages an hour, computed from costs measured now',
  async run({ places, quick, repetitions, progress }) {
    // `bench plan` shows that the number of registered tenants hardly matters; to register them takes minutes.
    const registered = quick ? 100 : 20_000;
    const due = quick ? 20 : 1_000;
    const tenants = quick ? 5 : 100;
    progress(`registering ${registered} tenants`);
    const large = await places.open('scale-registry');
    const ids = tenantNames(registered);
    {
      await using fleet = openFleet(large, hasty);
      await fleet.migrate({ tenants: [] });
      for (const id of ids) await fleet.tenants.add({ id });
    }
    await planAll(large, registered);
    progress(`making ${tenants} tenants with databases`);
    const small = await places.open('scale-tenants');
    const served = tenantNames(tenants);
    await makeTenants(small, served);

    progress('measuring');
    const engine = createSqliteEngine({
      registry: large.registry.slice('sqlite:'.length),
      synchronous: 'full',
    });
    const registry = engine.openRegistry();
    const raw = await large.rawRegistry();
    const planner = openFleet(large, { plan: { redispatchMs: '24h' } });
    const host = openFleet(small);
    const step = Math.floor(registered / due);
    const spreadOut = ids.filter((_, place) => place % step === 0).slice(0, due);
    const reportAll = async () => {
      for (const tenantId of spreadOut) await reportRun(registry, { tenantId });
    };
    const dispatchAll = async (done: number) => {
      for (const tenantId of served) {
        const report = await host.dispatch({ tenantId });
        assertCount(`messages of '${tenantId}'`, report.counts.done, done);
      }
    };
    const costs = await interleave(repetitions, {
      plan: () =>
        timedEach(
          1,
          () => raw.wake(spreadOut),
          async () => assertCount('tenants planned', (await planner.plan()).requests.length, due),
        ),
      // After the reports, so that no tenant is in flight.
      wake: async () => {
        await reportAll();
        return timed(async () => {
          for (const id of spreadOut) {
            const woken = await registry.wake([id], { capacity: 1, redispatchMs: 86_400_000 });
            assertCount(`whether '${id}' was chosen`, woken.chosen.length, 1);
          }
        });
      },
      report: () => timed(reportAll),
      idleRun: () => timed(() => dispatchAll(0)),
      busyRun: () =>
        timedEach(
          1,
          async () => {
            for (const tenantId of served) await fill(host, tenantId, { count: 1 });
          },
          () => dispatchAll(1),
        ),
    });
    await planner.close();
    await host.close();
    await raw.close();
    await registry.close();
    await engine.close();
    await large.remove();
    await small.remove();

    const each: Readonly<Record<keyof typeof costs, Spread>> = {
      plan: msEach(due, costs.plan),
      wake: msEach(due, costs.wake),
      report: msEach(due, costs.report),
      idleRun: msEach(tenants, costs.idleRun),
      busyRun: msEach(tenants, costs.busyRun),
    };
    const medians = {
      plan: each.plan.median,
      wake: each.wake.median,
      report: each.report.median,
      idleRun: each.idleRun.median,
      busyRun: each.busyRun.median,
    };
    const results = loads.map((load) => ({ load, found: scaleOf(load, medians, defaultLimits) }));
    const measurements = results.map(
      ({ load: { name }, found: { looksASecond, runsASecond, uses, bill } }): Measurement => ({
        case: name,
        counts: {
          looksASecond: Math.round(looksASecond),
          runsASecond: Math.round(runsASecond),
          millionExecutionsAMonth: Math.round(bill.executions / 1e6),
          millionQueueOperationsAMonth: Math.round(bill.queueOperations / 1e6),
          gigabytesOfLogsAMonth: Math.round(bill.gigabytesOfLogs),
        },
        figures: Object.fromEntries(Object.entries(uses).map(([part, use]) => [part, spread([use])])),
      }),
    );
    const text = ({ median, min, max }: Spread) => `${median} (${min}–${max})`;
    return {
      measurements,
      targets: [],
      notes: [
        `Measured, ms: a plan ${text(each.plan)} for each tenant it chooses, a wake ${text(each.wake)}, a report ${text(each.report)}, an idle run ${text(each.idleRun)}, a run of one message ${text(each.busyRun)}.`,
        ...results.map(({ load, found }) => `${load.name}: the first limit is ${found.first}.`),
        'The last six columns are shares of what the part can do; above 1 it is not enough. The registry is one with a single writer.',
        `Limits: ${JSON.stringify(defaultLimits)}.`,
      ],
    };
  },
};
