/** Plans and dispatch runs, as `tick` and `run` print them with `--json`. */
import * as v from 'valibot';
import { runOutcomes } from '../../../src/engine/tenant-report.ts';
import { requestFields, requestSchema } from '../../../src/fleet/dispatch/request-format.ts';
import { count, counts, milliseconds, queueState } from '../answers.ts';
import { forms, queueName } from './forms.ts';

const text = v.string();
const texts = v.array(text);
export const dispatchRequest = v.strictObject(requestSchema.entries);

/** The figures of many durations. */
export const durations = {
  count,
  p50Ms: v.nullable(milliseconds),
  p99Ms: v.nullable(milliseconds),
  maxMs: v.nullable(milliseconds),
};
const histogram = v.strictObject({ buckets: v.array(count), maxMs: v.nullable(milliseconds) });
const topicOfSource = { topic: text, source: v.nullable(text) };
const blockedLoop = v.strictObject({ topic: v.nullable(text), ms: milliseconds, measured: v.boolean() });
const { asOfUtc: _, nextDueInMs: __, ...storedCounts } = queueState.entries;

const queueReport = v.strictObject({
  queue: queueName,
  status: v.picklist(['dispatched', 'idle', 'leased-elsewhere', 'failed']),
  stop: v.picklist(['drained', 'budget', 'changed', 'signal', 'lease-lost', 'error']),
  counts,
  parkedTopics: texts,
  failingTopics: v.array(
    v.strictObject({
      ...topicOfSource,
      failures: count,
      sinceMs: milliseconds,
      lastMs: milliseconds,
      isNew: v.boolean(),
      messageId: text,
      error: text,
    }),
  ),
  succeededTopics: v.array(v.strictObject(topicOfSource)),
  wait: histogram,
  handle: histogram,
  more: v.boolean(),
  nextDueInMs: v.nullable(milliseconds),
  purgeInMs: v.optional(v.number()),
  endedAt: v.number(),
  stored: v.optional(v.strictObject(storedCounts)),
  roundTrips: count,
  heldBy: v.optional(v.strictObject({ owner: text, expiresInMs: v.number() })),
  blockedLoop: v.optional(blockedLoop),
  error: v.optional(forms.Failure),
});

export const runReport = v.strictObject({
  runId: text,
  tenantId: text,
  reason: requestFields.reason,
  outcome: v.picklist(runOutcomes),
  skipped: v.optional(v.picklist(['leased-elsewhere', 'not-active', 'stale'])),
  queues: v.array(queueReport),
  counts,
  parkedTopics: texts,
  wait: v.strictObject(durations),
  handle: v.strictObject(durations),
  more: v.boolean(),
  nextDueInMs: v.nullable(milliseconds),
  durationMs: milliseconds,
  roundTrips: count,
  woken: v.optional(v.boolean()),
  blockedLoop: v.optional(blockedLoop),
  error: v.optional(forms.Failure),
  continuation: v.optional(dispatchRequest),
});

export const planReport = v.strictObject({
  status: v.picklist(['leased-elsewhere', 'idle', 'planned']),
  requests: v.array(dispatchRequest),
  due: count,
  conflicts: count,
  oldestDueMs: v.nullable(milliseconds),
  more: v.boolean(),
  sinceLastPlanMs: v.nullable(milliseconds),
  late: v.boolean(),
  unfinished: v.boolean(),
  nextDueInMs: v.nullable(milliseconds),
});
