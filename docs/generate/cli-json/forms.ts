/** The forms that several commands' `--json` output share. */
import * as v from 'valibot';
import { actStates, messageStates } from '../../../src/engine/message-search.ts';
import { operationStates } from '../../../src/engine/operation-store.ts';
import { runOutcomes } from '../../../src/engine/tenant-report.ts';
import { tenantStatuses } from '../../../src/engine/tenant-status.ts';
import { queueNames } from '../../../src/engine/work-queue.ts';
import { tenantActs } from '../../../src/fleet/stored-operations/tenant-acts.ts';
import { count, counts, failingTopic, milliseconds, queueState, time, uuid } from '../answers.ts';

const text = v.string();
const texts = v.array(text);
const byName = v.record(text, text);
export const queueName = v.picklist(queueNames);
/** A duration: milliseconds, or text with a unit, as it was given. */
const duration = v.union([milliseconds, text]);

const failure = v.strictObject({ code: text, message: text });
export const cutTenants = v.array(v.strictObject({ tenantId: text, by: v.picklist(['examined', 'time']) }));
const tenantFailure = v.strictObject({ tenantId: v.nullable(text), code: text, message: text });

const schedule = v.strictObject({
  nextDueUtc: v.nullable(time),
  lastPlannedUtc: v.nullable(time),
  lastRunUtc: v.nullable(time),
  lastOutcome: v.nullable(v.picklist(runOutcomes)),
  lastDurationMs: v.nullable(milliseconds),
  lastCounts: v.nullable(counts),
  totals: counts,
  longestWaitMs: v.nullable(milliseconds),
  longestWaitUtc: v.nullable(time),
  idleStreak: count,
  failureStreak: count,
  lastError: v.nullable(text),
  lastErrorCode: v.nullable(text),
  lastErrorUtc: v.nullable(time),
  backlog: v.boolean(),
  queues: v.strictObject({ outbox: v.optional(queueState), inbox: v.optional(queueState) }),
  parkedTopics: texts,
  failingTopics: v.array(v.strictObject({ ...failingTopic.entries, error: text })),
});

const tenant = v.strictObject({
  id: text,
  server: text,
  database: text,
  auth: v.variant('kind', [
    v.strictObject({ kind: v.literal('managed-identity') }),
    v.strictObject({ kind: v.literal('setting'), name: text }),
  ]),
  schema: text,
  priority: v.number(),
  weight: v.number(),
  slaSeconds: v.nullable(v.number()),
  tags: byName,
  overrides: v.strictObject({
    batchSize: v.optional(count),
    concurrency: v.optional(count),
    idleCeilingMs: v.optional(v.union([milliseconds, v.literal('never')])),
  }),
  status: v.picklist(tenantStatuses),
  pausedByOperator: v.boolean(),
  version: count,
  addedUtc: time,
  schemaVersion: v.nullable(count),
  schedule,
  unreadable: v.optional(v.strictObject({ definition: texts, schedule: texts })),
});

const migration = v.strictObject({
  from: count,
  to: count,
  steps: v.array(v.strictObject({ version: count, name: text })),
});

const summary = {
  tenantId: text,
  queue: queueName,
  messageId: text,
  state: v.picklist(messageStates),
  blocked: v.boolean(),
  topic: text,
  correlationId: v.nullable(text),
  orderingKey: v.nullable(text),
  source: v.nullable(text),
  dedupKey: v.nullable(text),
  enqueuedUtc: time,
  dueUtc: time,
  settledUtc: v.nullable(time),
  attempts: count,
  parks: count,
  replayCount: count,
  recovered: v.boolean(),
  lastError: v.nullable(text),
  firstError: v.nullable(text),
  endReason: v.nullable(text),
  sequence: text,
  unreadable: v.nullable(text),
  contentBytes: count,
  version: text,
};
const message = v.strictObject(summary);
const messageWithContent = v.strictObject({ ...summary, payload: text, headers: byName });

const figures = {
  id: uuid,
  state: v.picklist(operationStates),
  actor: text,
  counted: count,
  changed: count,
  tenantsDone: count,
  lastTenant: v.nullable(text),
  createdUtc: time,
  updatedUtc: time,
};

const onMessages = {
  on: v.literal('messages'),
  act: v.strictObject({
    act: v.picklist(Object.keys(actStates) as (keyof typeof actStates)[]),
    reason: v.optional(text),
    delay: v.optional(duration),
  }),
  queue: queueName,
  filter: v.strictObject({
    states: v.optional(v.array(v.picklist(messageStates))),
    messageIds: v.optional(texts),
    topic: v.optional(text),
    orderingKey: v.optional(text),
    dedupKey: v.optional(text),
    correlationId: v.optional(text),
    source: v.optional(text),
    errorText: v.optional(text),
    enqueuedFrom: v.optional(text),
    enqueuedBefore: v.optional(text),
    olderThanMs: v.optional(duration),
  }),
  countedAtLeast: v.boolean(),
};

const onTenants = {
  on: v.literal('tenants'),
  act: v.strictObject({
    act: v.picklist(Object.keys(tenantActs) as (keyof typeof tenantActs)[]),
    /** With change-overrides. */
    overrides: v.optional(
      v.strictObject({
        batchSize: v.optional(v.nullable(count)),
        concurrency: v.optional(v.nullable(count)),
        idleCeilingMs: v.optional(v.nullable(v.union([milliseconds, v.literal('never')]))),
      }),
    ),
  }),
};

const failures = v.array(v.strictObject({ tenantId: text, code: text, message: text }));
const operations = [
  v.strictObject({ ...figures, ...onMessages, tenants: v.nullable(texts), uncounted: texts, failures }),
  v.strictObject({ ...figures, ...onTenants, tenants: texts, failures }),
] as const;
const operation = v.variant('on', operations);
const resumedOperation = v.variant('on', [
  v.strictObject({ ...operations[0].entries, takenOver: v.boolean() }),
  v.strictObject({ ...operations[1].entries, takenOver: v.boolean() }),
]);
const operationSummary = v.variant('on', [
  v.strictObject({
    ...figures,
    ...onMessages,
    tenants: v.nullable(count),
    uncounted: count,
    failures: count,
  }),
  v.strictObject({ ...figures, ...onTenants, tenants: count, failures: count }),
]);

const lease = v.strictObject({
  name: text,
  owner: v.nullable(text),
  fence: count,
  acquisitionId: v.nullable(text),
  acquiredUtc: v.nullable(time),
  renewedUtc: v.nullable(time),
  expiresUtc: v.nullable(time),
  context: v.nullable(text),
  held: v.boolean(),
});

export const forms = {
  Counts: counts,
  Failure: failure,
  TenantFailure: tenantFailure,
  QueueState: queueState,
  Schedule: schedule,
  Tenant: tenant,
  Migration: migration,
  Message: message,
  MessageWithContent: messageWithContent,
  Operation: operation,
  ResumedOperation: resumedOperation,
  OperationSummary: operationSummary,
  Lease: lease,
};
