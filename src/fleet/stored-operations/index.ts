/** Acts over many tenants that are stored with their progress (S3): the part `operations` of the library's interface. */
import { randomUUID } from 'node:crypto';
import type { OperationRecord } from '../../engine/operation-store.ts';
import type { Registry } from '../../engine/registry.ts';
import { MultiOutboxError } from '../../errors.ts';
import { optionsOf, signalOf } from '../../options.ts';
import { type CallbackLog, safeCallback } from '../../telemetry/safe-callback.ts';
import { actorOf } from '../messages/audited.ts';
import type { CountedTenants } from '../messages/counted-tenants.ts';
import { type ActedBy, type LatestFirst, latestNames } from '../messages/requests.ts';
import { checkOperationId, wholeNumberOf, withoutPayloadText } from '../messages/selection.ts';
import { createOperation, selectionOf } from './create.ts';
import {
  type MessagesOperation,
  type Operation,
  type OperationSummary,
  operationOf,
  type ResumedOperation,
  summaryOf,
  type TenantsOperation,
} from './operation.ts';
import {
  cancelNames,
  checkedRequest,
  type MessagesOperationRequest,
  type OperationRequest,
  type ResumeOptions,
  resumeNames,
  type TenantsOperationRequest,
} from './requests.ts';
import { OperationRun } from './run.ts';
import { type WorkAccess, workOf } from './work.ts';

/** Acts over many tenants: on all their messages that match, or on the tenants themselves. */
export interface Operations {
  /**
   * Counts the messages that match and stores the operation. It changes no message: `resume` does.
   * @throws INVALID_ARGUMENT, or the registry's error
   */
  create(
    request: MessagesOperationRequest,
  ): Promise<{ readonly operation: MessagesOperation; readonly counted: CountedTenants }>;
  /**
   * Counts the tenants that the act would change and stores the operation. It changes no tenant: `resume` does.
   * @throws INVALID_ARGUMENT, INVALID_TENANT for an override outside its bounds, or the registry's error
   */
  create(request: TenantsOperationRequest): Promise<{ readonly operation: TenantsOperation }>;
  /**
   * Works on an operation that was created or interrupted, or again on the tenants that failed, until every tenant was
   * tried, the signal fires, another process resumes it, or it is cancelled. A tenant's failure does not stop the others;
   * the registry's does, and the operation can be resumed. A message that dies meanwhile is left alone; a Ready one that
   * comes to match meanwhile may be changed too. A tenant that is already what the act would make of it is left alone.
   * @throws OPERATION_NOT_FOUND, OPERATION_CANCELLED, INVALID_ARGUMENT for an act that this release does not know, or the
   * registry's error
   */
  resume(id: string, options?: ResumeOptions): Promise<ResumedOperation>;
  /** Ends an operation: the process that works on it stops after its batch. What it changed stays. @throws as `resume` */
  cancel(id: string, options?: ActedBy): Promise<Operation>;
  /** @throws OPERATION_NOT_FOUND */
  get(id: string): Promise<Operation>;
  /** As `get`, with numbers in place of the tenants' ids, of which there may be many. */
  summary(id: string): Promise<OperationSummary>;
  /** The latest come first. */
  list(request?: LatestFirst): Promise<OperationSummary[]>;
}

export interface OperationsAccess extends WorkAccess {
  readonly registry: () => Promise<Registry>;
  /** Who acts, unless a call says otherwise. */
  readonly actor: string;
  readonly callbackLog: CallbackLog;
}

export function createOperations(access: OperationsAccess): Operations {
  const { callbackLog, audited } = access;
  const store = async () => (await access.registry()).operations;

  async function create(request: OperationRequest) {
    const call = 'operations.create';
    const { by, onTenant, checked } = checkedRequest(call, request);
    const actor = actorOf(call, by, access.actor);
    const watch = safeCallback(call, 'onTenant', onTenant, callbackLog);
    const id = randomUUID();
    return audited(
      {
        actor,
        act: 'operation-start',
        queue: checked.on === 'messages' ? checked.queue : null,
        operationId: id,
        selection: selectionOf(checked),
      },
      async () => createOperation(access, await access.registry(), { id, actor }, checked, watch),
      () => 0,
    );
  }

  return {
    create: create as Operations['create'],
    async resume(id, options = {}) {
      const call = 'operations.resume';
      const { by, signal, onProgress, onTenant } = optionsOf(call, options, resumeNames);
      signalOf(call, signal);
      checkOperationId(call, id);
      const actor = actorOf(call, by, access.actor);
      const watch = {
        onProgress: safeCallback(call, 'onProgress', onProgress, callbackLog),
        onTenant: safeCallback(call, 'onTenant', onTenant, callbackLog),
      };
      const registry = await access.registry();
      const { operations } = registry;
      const record = await operations.outline(id.toLowerCase());
      if (record === null) throw unknownOperation(call, id);
      if (record.state === 'cancelled') throw cancelledOperation(call, id);
      // An operation that this release cannot carry out stays with the process that works on it.
      workOf(access, call, record, actor);
      const runner = randomUUID();
      const taken = await operations.take(record.id, runner);
      if (taken === null) throw cancelledOperation(call, id);
      const run = new OperationRun(operations, taken, runner, workOf(access, call, taken, actor), {
        onProgress: (record) => watch.onProgress(operationOf(record)),
        onTenant: watch.onTenant,
      });
      return audited(
        { actor, act: 'operation-resume', operationId: taken.id, ...aboutOf(taken) },
        async () => {
          await run.all(registry, signal);
          const operation = operationOf((await operations.get(taken.id))!);
          return { ...operation, takenOver: !run.isOurs && operation.state !== 'cancelled' };
        },
        () => run.changed,
      );
    },
    async cancel(id, options = {}) {
      const call = 'operations.cancel';
      const { by } = optionsOf(call, options, cancelNames);
      checkOperationId(call, id);
      const operations = await store();
      const record = await operations.get(id.toLowerCase());
      if (record === null) throw unknownOperation(call, id);
      return audited(
        {
          actor: actorOf(call, by, access.actor),
          act: 'operation-cancel',
          operationId: record.id,
          selection: {},
        },
        async () => {
          const cancelled = await operations.cancel(record.id);
          if (cancelled !== null) return operationOf(cancelled);
          throw new MultiOutboxError(
            'OPERATION_CANCELLED',
            `${call}: operation '${id}' has ended already; see its state.`,
          );
        },
        ({ changed }) => changed,
      );
    },
    async get(id) {
      const call = 'operations.get';
      return operationOf(await known(call, id, async () => (await store()).get(id.toLowerCase())));
    },
    async summary(id) {
      const call = 'operations.summary';
      return summaryOf(await known(call, id, async () => (await store()).outline(id.toLowerCase())));
    },
    async list(request = {}) {
      const call = 'operations.list';
      const { limit = 100, before } = optionsOf(call, request, latestNames);
      if (before !== undefined) checkOperationId(call, before);
      const query = {
        limit: wholeNumberOf(call, 'limit', limit, 1, 1_000),
        ...(before !== undefined && { before: before.toLowerCase() }),
      };
      return (await (await store()).list(query)).map(summaryOf);
    },
  };
}

async function known<T>(call: string, id: string, read: () => Promise<T | null>): Promise<T> {
  checkOperationId(call, id);
  const found = await read();
  if (found === null) throw unknownOperation(call, id);
  return found;
}

/** What the record of acts says of an operation that is resumed. */
function aboutOf({ definition }: OperationRecord) {
  const { act } = definition;
  if (definition.on === 'tenants') return { queue: null, selection: { act } };
  const filter = withoutPayloadText(definition.filter as object);
  return { queue: definition.queue, selection: { act, filter } };
}

function cancelledOperation(call: string, id: string): MultiOutboxError {
  return new MultiOutboxError(
    'OPERATION_CANCELLED',
    `${call}: operation '${id}' was cancelled; create another one.`,
  );
}

export function unknownOperation(call: string, id: string): MultiOutboxError {
  return new MultiOutboxError('OPERATION_NOT_FOUND', `${call}: there is no operation '${id}'; list them.`);
}
