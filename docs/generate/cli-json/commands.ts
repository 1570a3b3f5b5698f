/** What each command prints with `--json`. A test runs every command and checks its output against these schemas. */
import * as v from 'valibot';
import { shellScripts } from '../../../src/cli/completion.ts';
import { databases, hosts } from '../../../src/cli/init/files.ts';
import { rights } from '../../../src/console/rights.ts';
import { auditedActs } from '../../../src/engine/audit.ts';
import { operationStates } from '../../../src/engine/operation-store.ts';
import { count, counts, fleetSummary, milliseconds, time, uuid } from '../answers.ts';
import { cutTenants, forms, queueName } from './forms.ts';
import { durations, planReport, runReport } from './runs.ts';

const text = v.string();
const texts = v.array(text);
const { Tenant, Message, MessageWithContent, Lease, Migration, TenantFailure } = forms;
const { Operation, OperationSummary, ResumedOperation } = forms;

export interface CommandOutput {
  readonly schema: v.GenericSchema;
  /** What the page says of it. */
  readonly note?: string;
}

const ofTenant = { schema: v.strictObject({ tenant: Tenant }) };
const ofMessage = { schema: v.strictObject({ message: MessageWithContent }) };
const ofOperation = { schema: v.strictObject({ operation: Operation }) };
const ofResumed = {
  schema: v.strictObject({ operation: ResumedOperation }),
};

const listed = v.strictObject({
  count: v.nullable(count),
  atLeast: v.boolean(),
  messages: v.array(Message),
  cursor: v.nullable(text),
  cut: cutTenants,
  failures: v.array(TenantFailure),
});

const errorGroups = v.strictObject({
  groups: v.array(
    v.strictObject({
      fingerprint: text,
      text,
      matching: v.nullable(text),
      count,
      tenants: count,
      tenantIds: texts,
      topics: texts,
      firstUtc: time,
      lastUtc: time,
      example: v.strictObject({ tenantId: text, messageId: text }),
    }),
  ),
  count,
  tenants: count,
  cut: cutTenants,
  failures: v.array(TenantFailure),
  moreGroups: count,
});

function ofAct(act: string): CommandOutput {
  const common = {
    action: v.literal(act),
    count,
    atLeast: v.boolean(),
    tenants: v.array(v.strictObject({ tenantId: text, count, atLeast: v.boolean() })),
    failures: v.array(TenantFailure),
  };
  return {
    schema: v.variant('changed', [
      v.strictObject({ ...common, changed: v.literal(false) }),
      v.strictObject({
        ...common,
        changed: v.literal(true),
        operationId: uuid,
        state: v.picklist(operationStates),
        takenOver: v.boolean(),
      }),
    ]),
    note: 'The first form is printed without `--yes`, the second one with it.',
  };
}

const servedConsole = v.strictObject({ url: text, rights: v.array(v.picklist(rights)) });

const historyDurations = v.strictObject({ ...durations, buckets: v.array(count) });
const fleetState = v.strictObject({
  active: count,
  due: count,
  withBacklog: count,
  failing: count,
  withFailingTopics: count,
  withDead: count,
  dead: count,
  oldestDueMs: v.nullable(milliseconds),
});

/** By the command's name, in the order of the help. */
export const commandOutputs: Readonly<Record<string, CommandOutput>> = {
  init: {
    schema: v.strictObject({
      folder: text,
      host: v.picklist(hosts),
      database: v.picklist(databases),
      files: texts,
    }),
  },
  'tenants add': {
    schema: v.strictObject({
      tenant: Tenant,
      registryCreated: v.boolean(),
      migration: v.nullable(Migration),
    }),
  },
  'tenants change': ofTenant,
  'tenants import': {
    schema: v.strictObject({
      dryRun: v.boolean(),
      added: count,
      changed: count,
      unchanged: count,
      failures: v.array(
        v.strictObject({
          line: v.nullable(count),
          tenantId: v.nullable(text),
          code: text,
          message: text,
        }),
      ),
    }),
  },
  'tenants list': { schema: v.strictObject({ tenants: v.array(Tenant), more: v.boolean() }) },
  'tenants show': ofTenant,
  'tenants pause': ofTenant,
  'tenants resume': ofTenant,
  'tenants remove': ofTenant,
  migrate: {
    schema: v.strictObject({
      dryRun: v.boolean(),
      databases: v.array(
        v.strictObject({
          tenantId: v.nullable(text),
          result: v.optional(Migration),
          error: v.optional(forms.Failure),
          version: v.nullable(count),
        }),
      ),
    }),
    note: 'A database whose `tenantId` is null is the registry.',
  },
  doctor: {
    schema: v.strictObject({
      well: v.boolean(),
      databases: v.array(
        v.strictObject({
          tenantId: v.nullable(text),
          reachable: v.boolean(),
          version: v.nullable(count),
          clockAheadMs: v.nullable(v.number()),
          findings: v.array(
            v.strictObject({
              severity: v.picklist(['problem', 'advice']),
              kind: v.picklist(['version', 'drift', 'rights', 'setting', 'unreachable', 'clock', 'shared']),
              message: text,
            }),
          ),
        }),
      ),
    }),
    note: 'A database whose `tenantId` is null is the registry.',
  },
  enqueue: {
    schema: v.strictObject({
      tenantId: text,
      topic: text,
      messageId: text,
      status: v.picklist(['enqueued', 'duplicate']),
    }),
  },
  receive: {
    schema: v.strictObject({
      tenantId: text,
      source: text,
      topic: text,
      messageId: text,
      status: v.picklist(['accepted', 'duplicate', 'conflict']),
    }),
  },
  tick: { schema: v.strictObject({ plan: planReport, runs: v.array(runReport) }) },
  run: {
    schema: v.union([runReport, servedConsole]),
    note: 'One line for each dispatch run, when it ends. With `--ui`, a line of the second form comes first.',
  },
  status: {
    schema: v.strictObject({
      fleet: fleetSummary,
      tenants: v.array(Tenant),
      more: v.boolean(),
      examined: count,
      complete: v.boolean(),
    }),
    note: 'With `--watch`, one line each time.',
  },
  history: {
    schema: v.strictObject({
      tenant: v.nullable(text),
      sinceMs: milliseconds,
      stepMs: milliseconds,
      points: v.array(
        v.strictObject({
          utc: time,
          runs: count,
          failedRuns: count,
          counts,
          wait: historyDurations,
          handle: historyDurations,
          state: v.optional(v.nullable(fleetState)),
        }),
      ),
    }),
  },
  ui: {
    schema: servedConsole,
    note: 'One line when the console is ready.',
  },
  wake: {
    schema: v.strictObject({
      woken: texts,
      tenants: v.array(v.strictObject({ ...Tenant.entries, inFlight: v.boolean() })),
    }),
  },
  'messages list': { schema: listed },
  'messages show': ofMessage,
  'messages replay': ofAct('replay'),
  'messages discard': ofAct('discard'),
  'messages cancel': ofAct('cancel'),
  'messages reschedule': ofAct('reschedule'),
  'messages edit': {
    schema: v.strictObject({
      tenantId: text,
      queue: queueName,
      replaced: text,
      messageId: text,
      schemaChecked: v.boolean(),
    }),
  },
  'dead list': {
    schema: v.union([listed, errorGroups]),
    note: 'The second form is printed with `--by error`.',
  },
  'dead show': ofMessage,
  'dead replay': ofAct('replay'),
  'dead discard': ofAct('discard'),
  'operations list': { schema: v.strictObject({ operations: v.array(OperationSummary) }) },
  'operations show': ofOperation,
  'operations resume': ofResumed,
  'operations cancel': ofOperation,
  'audit list': {
    schema: v.strictObject({
      acts: v.array(
        v.strictObject({
          id: text,
          actor: text,
          act: v.picklist(auditedActs),
          tenantId: v.nullable(text),
          queue: v.nullable(queueName),
          selection: v.unknown(),
          operationId: v.nullable(text),
          startedUtc: time,
          endedUtc: v.nullable(time),
          count: v.nullable(count),
          error: v.nullable(text),
        }),
      ),
    }),
    note: '`selection` is what the act was about, in a form of its own for each act.',
  },
  'leases list': { schema: v.strictObject({ tenantId: v.nullable(text), leases: v.array(Lease) }) },
  'leases release': {
    schema: v.strictObject({
      tenantId: v.nullable(text),
      name: text,
      changed: v.boolean(),
      lease: v.nullable(Lease),
    }),
  },
  'handlers list': {
    schema: v.strictObject({
      handlers: v.array(
        v.strictObject({
          queue: queueName,
          topic: text,
          source: v.nullable(text),
          schema: v.boolean(),
          timeoutMs: milliseconds,
          concurrency: count,
          retry: v.strictObject({ maxAttempts: count, baseMs: milliseconds, maxDelayMs: milliseconds }),
        }),
      ),
      file: v.nullable(text),
    }),
  },
  settings: {
    schema: v.strictObject({
      settings: v.array(
        v.strictObject({
          option: text,
          variable: text,
          value: v.unknown(),
          source: v.picklist(['default', 'environment', 'option']),
        }),
      ),
      unknown: texts,
    }),
    note: '`value` has the type of its setting; durations are milliseconds, and secrets are `***`.',
  },
  completion: { schema: v.strictObject({ shell: v.picklist(Object.keys(shellScripts)), script: text }) },
  demo: {
    schema: v.strictObject({
      customers: v.array(
        v.strictObject({
          customer: text,
          story: text,
          dispatched: count,
          retried: count,
          dead: count,
          skipped: count,
          failedRuns: count,
          mails: v.nullable(text),
          files: count,
          error: v.nullable(text),
        }),
      ),
      hosts: v.strictObject({ first: count, second: count }),
      problems: texts,
      durationMs: milliseconds,
    }),
  },
};

/** The line on standard error when a command fails. */
export const errorLine: CommandOutput = {
  schema: v.strictObject({
    error: v.strictObject({ code: text, message: text, stack: v.optional(text) }),
  }),
  note: 'On standard error. `stack` is there with `--verbose`.',
};
