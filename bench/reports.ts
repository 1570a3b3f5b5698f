/**
 * Measures what a run's report to the registry costs, and what the stored counts of the queues (S2) and the history (S4) add
 * to it, against a report with neither.
 */
import type { Histogram } from '../src/engine/histogram.ts';
import { DurationCounter } from '../src/engine/histogram.ts';
import type { Registry } from '../src/engine/registry.ts';
import { createSqliteEngine } from '../src/engine/sqlite/index.ts';
import type { ReportedState, TenantReport } from '../src/engine/tenant-report.ts';
import type { QueueName } from '../src/engine/work-queue.ts';
import { assertCount, atMost, type Benchmark } from './benchmark.ts';
import { openFleet, tenantNames } from './fleet.ts';
import { msEach, ratio } from './spread.ts';
import { type Contender, interleave, timed } from './timing.ts';

const counts = { done: 20, retried: 1, dead: 0, released: 0, parked: 0, lost: 0, recovered: 0 };
const state: ReportedState = {
  ready: 3,
  due: 1,
  blocked: 1,
  dead: 2,
  parked: [{ topic: 'invoice.create', count: 1 }],
  atLeast: [],
  isEmpty: false,
  oldestDueAgeMs: 1_200,
  nextDueInMs: 30_000,
  ageMs: 3,
};

export const reports: Benchmark = {
  name: 'reports',
  title: 'reports of runs with the counts of their queues and the history, against reports with neither',
  async run({ places, quick, repetitions }) {
    const tenants = quick ? 10 : 200;
    const rounds = quick ? 2 : 25;
    const place = await places.open('reports');
    {
      await using fleet = openFleet(place);
      await fleet.migrate({ tenants: [] });
      for (const id of tenantNames(tenants)) await fleet.tenants.add({ id });
    }
    const engine = createSqliteEngine({
      registry: place.registry.slice('sqlite:'.length),
      synchronous: 'normal',
    });
    const registry = engine.openRegistry();
    const times = { wait: histogram(20), handle: histogram(20) };
    const queues: Partial<Record<QueueName, ReportedState>> = { outbox: state, inbox: state };
    const contender =
      (more: Pick<TenantReport, 'queues' | 'times' | 'longestWaitMs'>): Contender =>
      () =>
        timed(async () => {
          for (let round = 0; round < rounds; round++)
            for (const tenantId of tenantNames(tenants)) await reportRun(registry, { tenantId, ...more });
        });
    const costs = await interleave(repetitions, {
      bare: contender({}),
      counts: contender({ queues, longestWaitMs: 1_200 }),
      history: contender({ queues, longestWaitMs: 1_200, times }),
    });
    const { totals } = await registry.fleet();
    assertCount('messages reported', totals.done, counts.done * tenants * rounds * 3 * (repetitions + 1));
    await registry.close();
    await engine.close();
    await place.remove();
    const measured = (name: 'bare' | 'counts' | 'history') => ({
      case: { bare: 'neither', counts: 'with counts', history: 'with counts and history' }[name],
      counts: { tenants, reports: tenants * rounds },
      figures: {
        ms: msEach(tenants * rounds, costs[name]),
        timesBare: ratio(costs[name].ms, costs.bare.ms),
        cpuTimesBare: ratio(costs[name].cpuMs, costs.bare.cpuMs),
      },
    });
    const withHistory = ratio(costs.history.ms, costs.bare.ms).median;
    return {
      measurements: [measured('bare'), measured('counts'), measured('history')],
      targets: [atMost('with counts and history: times the cost of a report with neither', withHistory, 3)],
      notes: [
        'Each report is one transaction, of one tenant after another; both queues have messages of each state. The history has an hour of each tenant, and a minute of the fleet.',
      ],
    };
  },
};

/** Reports a run of 20 messages. */
export async function reportRun(
  registry: Registry,
  report: Pick<TenantReport, 'tenantId' | 'queues' | 'times' | 'longestWaitMs'>,
): Promise<void> {
  await registry.report({
    ...report,
    outcome: 'dispatched',
    counts,
    durationMs: 40,
    backlog: false,
    schedule: { nextDueInMs: 60_000, mode: 'set', idleStreak: 0, failureStreak: 0 },
  });
}

function histogram(durations: number): Histogram {
  const counter = new DurationCounter();
  for (let nth = 0; nth < durations; nth++) counter.add(nth * nth * 10);
  return counter.histogram;
}
