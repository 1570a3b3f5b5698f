/** The settings of a history: short times, so that much happens in little virtual time. */
import { loadSettings, type Settings } from '../../src/settings.ts';
import type { Random } from './machine/randomness.ts';

export function drawSettings(random: Random, registry: string): Settings {
  const leaseMs = random.pick([2_000, 4_000, 8_000]);
  return loadSettings(
    {
      registry,
      dispatch: {
        batchSize: random.pick([1, 3, 8, 20]),
        concurrency: random.pick([1, 2, 4, 8]),
        handlerTimeoutMs: random.pick([1_000, 3_000]),
        timeBudgetMs: random.pick([2_000, 6_000, 20_000]),
        graceMs: random.pick([200, 1_000]),
        leaseMs,
        parallelRuns: random.pick([1, 2, 4]),
        onDead: random.pick(['block', 'continue'] as const),
      },
      retry: {
        maxAttempts: random.pick([3, 5, 8]),
        baseMs: random.pick([50, 400]),
        maxDelayMs: random.pick([1_000, 5_000]),
      },
      retention: { doneMs: random.pick([15_000, 86_400_000]) },
      plan: {
        intervalMs: random.pick([500, 1_000]),
        strategy: random.pick(['round-robin', 'drain-first', 'priority', 'deadline', 'weighted'] as const),
        fairEvery: random.pick([2, 4]),
        planners: random.pick([1, 1, 2, 3]),
      },
      schedule: {
        idleFloorMs: random.pick([500, 1_000]),
        idleCeilingMs: random.pick([5_000, 12_000, 'never'] as const),
        lookWithinMs: random.pick([15_000, 25_000]),
        failureCeilingMs: 8_000,
      },
      directory: { refreshMs: random.pick([2_000, 5_000]) },
      databases: { maxOpen: random.pick([2, 8, 8, 8]), idleCloseMs: random.pick([3_000, 20_000]) },
      sqlite: { synchronous: 'normal', busyTimeoutMs: random.pick([200, 1_000]) },
    },
    {},
  );
}

/**
 * Plans and hosts take so few tenants that many are due and not chosen: what a strategy prefers then counts (F4).
 *
 * @param prefers whether some tenants are preferred to the others
 */
export function crowded(settings: Settings, prefers: boolean, random: Random): Settings {
  const { plan, dispatch } = settings;
  const preferring = ['drain-first', 'priority', 'deadline', 'weighted'] as const;
  const strategy = prefers ? random.pick(preferring) : random.chance(0.4) ? 'round-robin' : plan.strategy;
  return {
    ...settings,
    plan: { ...plan, strategy, capacity: 1, planners: 1 },
    dispatch: { ...dispatch, parallelRuns: 1 },
  };
}

/** The settings of a later deployment: it claims, runs and stops in another way. */
export function changedSettings(settings: Settings, random: Random): Settings {
  const { dispatch, schedule } = settings;
  return {
    ...settings,
    dispatch: {
      ...dispatch,
      batchSize: random.between(1, dispatch.batchSize),
      concurrency: random.pick([1, 3, 8]),
      timeBudgetMs: random.pick([1_000, 5_000]),
      leaseMs: random.pick([2_000, 4_000, 8_000]),
      graceMs: random.pick([100, 2_000]),
      parallelRuns: random.pick([1, 3]),
    },
    schedule: { ...schedule, lookWithinMs: random.pick([schedule.lookWithinMs, 6_000]) },
  };
}
