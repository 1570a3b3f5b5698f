/** A scenario: classes of tenants, a host, settings and prices, in plain JSON. */
import * as v from 'valibot';
import type { TenantInput } from '../../src/fleet/tenants/definition.ts';
import { parseDuration, type SettingsInput } from '../../src/settings.ts';

const duration = v.pipe(
  v.union([v.string(), v.number()]),
  v.transform((given) => parseDuration(given) ?? Number.NaN),
  v.check((value) => Number.isFinite(value), 'must be a duration such as 500ms, 30s, 5m or 1d'),
);
const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const price = v.optional(v.pipe(v.number(), v.minValue(0)), 0);

/** The pattern in which messages arrive at one tenant. Times of day are UTC; a simulation begins at midnight. */
const arrivals = v.variant('kind', [
  /** Single messages, independent of each other, `every` apart on average. */
  v.strictObject({ kind: v.literal('steady'), every: duration }),
  /** Bursts of `messages` messages, `every` apart on average. */
  v.strictObject({ kind: v.literal('bursts'), every: duration, messages: count }),
  /** Like `steady`, but only between two hours of the day. */
  v.strictObject({ kind: v.literal('business-hours'), every: duration, from: v.number(), to: v.number() }),
  /** One burst of messages. */
  v.strictObject({ kind: v.literal('flood'), at: duration, messages: count }),
]);

const tenantClass = v.strictObject({
  name: v.string(),
  tenants: count,
  arrivals: v.optional(v.array(arrivals), []),
  /** The time of the handler for one message. */
  handler: v.optional(duration, '5ms'),
  /** The share of attempts that fail and are retried. */
  failing: v.optional(share, 0),
  /** The share of runs that cannot reach the tenant's database; they take a connect timeout. */
  unreachable: v.optional(share, 0),
  /** Producers use the library's enqueue, which wakes the tenant; false for producers that only call T-SQL. */
  wakes: v.optional(v.boolean(), true),
  /** Serverless: the database pauses after this time without a call. */
  autoPause: v.optional(duration),
  /** Definition of each tenant: priority, weight, slaSeconds, overrides. */
  tenant: v.optional(
    v.custom<Omit<TenantInput, 'id'>>((given) => typeof given === 'object'),
    {},
  ),
});

const scenarioSchema = v.strictObject({
  title: v.string(),
  duration,
  /**
   * `local`: one process that plans as many tenants as it has free slots. `functions`: plans use the whole
   * capacity; requests wait in a queue for a slot, and a run that leaves a backlog requests the next run itself.
   */
  host: v.optional(v.picklist(['local', 'functions']), 'local'),
  /** Runs at once: `dispatch.parallelRuns` of the local host; instances × runs on each of a function app. */
  places: v.optional(count, 8),
  /** The time of one call to a tenant's database. */
  call: v.optional(duration, '2ms'),
  /** The time until a paused database answers. */
  resume: v.optional(duration, '60s'),
  settings: v.optional(
    v.custom<SettingsInput>((given) => typeof given === 'object'),
    {},
  ),
  /** The interval of a poller that asks every database, for comparison. */
  poll: v.optional(duration, '5s'),
  /** In any currency. */
  prices: v.optional(
    v.strictObject({
      millionExecutions: price,
      /** The memory of one run while it lasts. */
      gigabyteSecond: price,
      gigabytesPerRun: v.optional(v.pipe(v.number(), v.minValue(0)), 0.5),
      /** The price of one tenant database that is awake; for classes with `autoPause`. */
      databaseHour: price,
    }),
    {},
  ),
  classes: v.pipe(v.array(tenantClass), v.minLength(1)),
});

export type ScenarioInput = v.InferInput<typeof scenarioSchema>;
export type Scenario = v.InferOutput<typeof scenarioSchema>;
export type TenantClass = v.InferOutput<typeof tenantClass>;
export type Arrivals = v.InferOutput<typeof arrivals>;

/** @throws Error that names what is wrong */
export function scenarioOf(input: unknown): Scenario {
  const result = v.safeParse(scenarioSchema, input);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Error(`The scenario's ${v.getDotPath(issue) ?? 'content'}: ${issue.message}`);
}
