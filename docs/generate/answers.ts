/** The schemas of the function app's HTTP answers. A test checks the answers of the running app against them. */
import * as v from 'valibot';
import { streakRanges } from '../../src/engine/fleet-summary.ts';
import { runOutcomes } from '../../src/engine/tenant-report.ts';
import { tenantStatuses } from '../../src/engine/tenant-status.ts';
import { countNames, queueNames } from '../../src/engine/work-queue.ts';
import { troubles } from '../../src/health/troubles.ts';

export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const milliseconds = v.pipe(v.number(), v.minValue(0));
export const time = v.pipe(v.string(), v.isoTimestamp());
export const uuid = v.pipe(v.string(), v.uuid());

export const counts = v.strictObject({
  done: count,
  retried: count,
  dead: count,
  released: count,
  parked: count,
  lost: count,
  recovered: count,
});

export const enqueued = v.strictObject({ messageId: uuid, status: v.picklist(['enqueued', 'duplicate']) });
export const received = v.strictObject({
  status: v.picklist(['accepted', 'duplicate', 'conflict']),
  messageId: uuid,
});
export const woken = v.strictObject({ tenantId: v.string() });
export const planned = v.strictObject({
  status: v.picklist(['planned', 'idle', 'leased-elsewhere']),
  due: count,
  requests: count,
  more: v.boolean(),
});

export const live = v.strictObject({ status: v.literal('ok') });
const check = v.strictObject({
  ok: v.boolean(),
  code: v.optional(v.string()),
  unusable: v.optional(v.array(v.string())),
});
export const ready = v.strictObject({
  status: v.picklist(['ok', 'failed']),
  checks: v.strictObject({
    configuration: check,
    sources: v.optional(check),
    handlers: v.optional(check),
    registry: v.optional(check),
    instance: v.optional(check),
  }),
});

export const queueState = v.strictObject({
  ready: count,
  due: count,
  blocked: count,
  dead: count,
  parked: v.array(v.strictObject({ topic: v.string(), count })),
  atLeast: v.array(v.picklist(countNames)),
  isEmpty: v.boolean(),
  oldestDueAgeMs: v.nullable(milliseconds),
  asOfUtc: time,
  nextDueInMs: v.nullable(milliseconds),
});
export const failingTopic = v.strictObject({
  queue: v.picklist(queueNames),
  topic: v.string(),
  source: v.nullable(v.string()),
  sinceUtc: time,
  lastUtc: time,
  failures: count,
  messageId: v.string(),
});
const tenantHealth = v.strictObject({
  tenantId: v.string(),
  nextDueUtc: v.nullable(time),
  lastRunUtc: v.nullable(time),
  lastOutcome: v.nullable(v.picklist(runOutcomes)),
  failureStreak: count,
  backlog: v.boolean(),
  queues: v.strictObject({ outbox: v.optional(queueState), inbox: v.optional(queueState) }),
  parkedTopics: v.array(v.string()),
  failingTopics: v.array(failingTopic),
  totals: counts,
  lastError: v.nullable(v.strictObject({ code: v.string(), utc: v.nullable(time) })),
});
export const fleetSummary = v.strictObject({
  tenants: v.strictObject(v.entriesFromList(tenantStatuses, count)),
  due: count,
  oldestDueMs: v.nullable(milliseconds),
  withBacklog: count,
  failing: count,
  failingByStreak: v.strictObject(v.entriesFromList(streakRanges, count)),
  longestFailureStreak: count,
  withFailingTopics: count,
  withDead: count,
  stored: v.strictObject({
    ...v.entriesFromList(countNames, count),
    atLeast: v.array(v.picklist(countNames)),
    oldestDueAgeMs: v.nullable(milliseconds),
    oldestCountMs: v.nullable(milliseconds),
  }),
  longestWaitMs: v.nullable(milliseconds),
  longestWaitAgeMs: v.nullable(milliseconds),
  lastPlan: v.nullable(v.strictObject({ utc: time, ageMs: milliseconds, due: count, chosen: count })),
  totals: counts,
  poisoned: v.strictObject({ total: count, lastUtc: v.nullable(time) }),
});
export const fleet = v.strictObject({
  status: v.picklist(['ok', 'troubled']),
  troubles: v.array(v.picklist(troubles)),
  fleet: fleetSummary,
  worst: v.array(tenantHealth),
  examined: count,
  complete: v.boolean(),
});

/** RFC 9457. */
export const problem = v.strictObject({
  type: v.string(),
  title: v.string(),
  status: count,
  detail: v.string(),
  instance: v.string(),
  code: v.optional(v.string()),
});
