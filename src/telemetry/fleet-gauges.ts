/**
 * The fleet's state as gauges without tenants' ids, so that they cover every tenant of a fleet of any size. A tenant counts
 * in each of its states; ages are in milliseconds.
 */
import type { Meter, ObservableGauge, ObservableResult } from '@opentelemetry/api';
import type { FleetSummary } from '../engine/fleet-summary.ts';
import { countNames } from '../engine/work-queue.ts';
import { meter } from './metrics.ts';

/**
 * For how long a process exports what it has read. After that it exports no value rather than an old one: another host
 * reads the fleet's state by then, or nobody can.
 */
const freshMs = 90_000;

type Observe = (result: Pick<ObservableResult, 'observe'>, fleet: FleetSummary) => void;

interface GaugeDefinition {
  readonly name: string;
  readonly description: string;
  readonly unit?: 'ms';
  readonly observe: Observe;
}

/** One value for each key of a record. */
function each(
  attribute: string,
  valuesOf: (fleet: FleetSummary) => Readonly<Record<string, number>>,
): Observe {
  return (result, fleet) => {
    for (const [key, value] of Object.entries(valuesOf(fleet))) result.observe(value, { [attribute]: key });
  };
}

/** One value; null is not observed. */
function one(read: (fleet: FleetSummary) => number | null): Observe {
  return (result, fleet) => {
    const value = read(fleet);
    if (value !== null) result.observe(value);
  };
}

const definitions: readonly GaugeDefinition[] = [
  {
    name: 'multi_outbox.tenants',
    description: 'Tenants by state',
    observe: each('state', ({ tenants, due, withBacklog, failing, withFailingTopics, withDead }) => ({
      ...tenants,
      due,
      backlog: withBacklog,
      failing,
      'failing-topics': withFailingTopics,
      dead: withDead,
    })),
  },
  {
    name: 'multi_outbox.fleet.failing',
    description: 'Failing tenants by the number of failed runs in a row',
    observe: each('streak', ({ failingByStreak }) => failingByStreak),
  },
  {
    name: 'multi_outbox.fleet.longest_streak',
    description: 'Failed runs in a row of the tenant that has the most',
    observe: one(({ longestFailureStreak }) => longestFailureStreak),
  },
  {
    name: 'multi_outbox.fleet.oldest_due_age',
    unit: 'ms',
    description: 'How long the tenant that became due first has been due; 0 when none is',
    observe: one(({ oldestDueMs }) => oldestDueMs ?? 0),
  },
  {
    name: 'multi_outbox.fleet.last_plan_age',
    unit: 'ms',
    description: 'Time since the last plan that any host made',
    observe: one(({ lastPlan }) => lastPlan?.ageMs ?? null),
  },
  {
    name: 'multi_outbox.fleet.messages',
    description: 'Messages by result, as all runs since the beginning have reported them',
    observe: each('result', ({ totals }) => ({ ...totals })),
  },
  {
    name: 'multi_outbox.fleet.dead',
    description: 'Messages that are Dead now, by the last reports',
    observe: one(({ stored }) => stored.dead),
  },
  {
    name: 'multi_outbox.fleet.stored',
    description: 'Messages that the queues hold, by state, as of their last counts',
    observe: each('state', ({ stored }) =>
      Object.fromEntries(countNames.map((state) => [state, stored[state]])),
    ),
  },
  {
    name: 'multi_outbox.fleet.oldest_message_age',
    unit: 'ms',
    description: 'How long the oldest due message has been due, by the last counts; 0 when none was',
    observe: one(({ stored }) => stored.oldestDueAgeMs ?? 0),
  },
  {
    name: 'multi_outbox.fleet.oldest_count_age',
    unit: 'ms',
    description: 'Time since the oldest of these counts; 0 without any',
    observe: one(({ stored }) => stored.oldestCountMs ?? 0),
  },
  {
    name: 'multi_outbox.fleet.poisoned',
    description: 'Queue messages that were given up since the beginning',
    observe: one(({ poisoned }) => poisoned.total),
  },
];

let latest: { readonly fleet: FleetSummary; readonly readAt: number } | undefined;
/** A meter of an SDK that was registered later is another one. */
const observed = new WeakSet<Meter>();

/** Keeps the fleet's state for the exports of the next 90 seconds. */
export function recordFleet(fleet: FleetSummary): void {
  latest = { fleet, readAt: performance.now() };
  const current = meter();
  if (observed.has(current)) return;
  observed.add(current);
  const gauges = definitions.map(({ name, observe, ...options }): [ObservableGauge, Observe] => [
    current.createObservableGauge(name, options),
    observe,
  ]);
  current.addBatchObservableCallback(
    (result) => {
      if (latest === undefined || performance.now() - latest.readAt > freshMs) return;
      const { fleet } = latest;
      for (const [gauge, observe] of gauges)
        observe({ observe: (value, attributes) => result.observe(gauge, value, attributes) }, fleet);
    },
    gauges.map(([gauge]) => gauge),
  );
}
