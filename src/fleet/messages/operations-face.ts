/** The part `messages.operations` of the library's interface. */

import { randomUUID } from 'node:crypto';
import { MultiOutboxError } from '../../errors.ts';
import { type NamesOf, optionsOf, signalOf } from '../../options.ts';
import { type CallbackLog, safeCallback } from '../../telemetry/safe-callback.ts';
import { type ActDefinition, actOf } from './acts.ts';
import { actorOf, unknownOperation } from './audited.ts';
import type { CountedTenants } from './counted-tenants.ts';
import type { OperationsAccess } from './operation-run.ts';
import {
  createOperation,
  type Operation,
  operationOf,
  type ResumedOperation,
  type ResumeOptions,
  runOperation,
} from './operations.ts';
import {
  type ActedBy,
  type LatestFirst,
  latestNames,
  type OperationRequest,
  operationNames,
} from './requests.ts';
import {
  checkOperationId,
  messageFilter,
  queueOf,
  refusal,
  tenantIdsOf,
  wholeNumberOf,
  withoutPayloadText,
} from './selection.ts';

/** Acts on all messages that match, over many tenants. */
export interface Operations {
  /**
   * Counts the messages that match and stores the operation. It changes no message: `resume` does.
   * @throws INVALID_ARGUMENT, or the registry's error
   */
  create(
    request: OperationRequest,
  ): Promise<{ readonly operation: Operation; readonly counted: CountedTenants }>;
  /**
   * Works on an operation that was created or interrupted, or again on the tenants that failed, until every tenant was
   * tried, the signal fires, another process resumes it, or it is cancelled. A tenant's failure does not stop the others. A
   * message that dies meanwhile is left alone; a Ready one that comes to match meanwhile may be changed too.
   * @throws OPERATION_NOT_FOUND, OPERATION_CANCELLED, or the registry's error
   */
  resume(id: string, options?: ResumeOptions & ActedBy): Promise<ResumedOperation>;
  /** Ends an operation: the process that works on it stops after its batch. What it changed stays. @throws as `resume` */
  cancel(id: string, options?: ActedBy): Promise<Operation>;
  /** @throws OPERATION_NOT_FOUND */
  get(id: string): Promise<Operation>;
  list(request?: LatestFirst): Promise<Operation[]>;
}

const cancelNames: NamesOf<ActedBy> = { by: true };
const resumeNames: NamesOf<ResumeOptions & ActedBy> = {
  by: true,
  signal: true,
  onProgress: true,
  onTenant: true,
};

export function createOperations(
  access: OperationsAccess & { readonly actor: string; readonly callbackLog: CallbackLog },
): Operations {
  const { callbackLog } = access;
  const store = async () => (await access.registry()).operations;

  return {
    async create(request) {
      const call = 'messages.operations.create';
      const given = optionsOf(call, request, operationNames);
      const { act, reason, delay, by, filter, queue = 'outbox', tenants, onTenant } = given;
      const definition: ActDefinition = {
        act,
        ...(reason !== undefined && { reason }),
        ...(delay !== undefined && { delay }),
      };
      const actor = actorOf(call, by, access.actor);
      actOf(call, definition);
      if (filter !== undefined) messageFilter(call, filter);
      const checked = {
        act: definition,
        filter: filter ?? {},
        queue: queueOf(call, queue),
        tenants: tenants === undefined ? null : tenantIdsOf(call, tenants),
      };
      if (checked.filter.payloadText !== undefined && checked.tenants?.length !== 1)
        throw refusal(call, "'payloadText' searches one tenant; name it in 'tenants'");
      const id = randomUUID();
      const watch = safeCallback(call, 'onTenant', onTenant, callbackLog);
      return access.audited(
        {
          actor,
          act: 'operation-start',
          queue,
          operationId: id,
          selection: { ...checked, filter: withoutPayloadText(checked.filter) },
        },
        () => createOperation(access, actor, id, checked, watch),
        () => 0,
      );
    },
    async resume(id, options = {}) {
      const call = 'messages.operations.resume';
      const { by, signal, onProgress, onTenant } = optionsOf(call, options, resumeNames);
      signalOf(call, signal);
      checkOperationId(call, id);
      return runOperation(access, id.toLowerCase(), actorOf(call, by, access.actor), {
        ...(signal && { signal }),
        onProgress: safeCallback(call, 'onProgress', onProgress, callbackLog),
        onTenant: safeCallback(call, 'onTenant', onTenant, callbackLog),
      });
    },
    async cancel(id, options = {}) {
      const call = 'messages.operations.cancel';
      const { by } = optionsOf(call, options, cancelNames);
      checkOperationId(call, id);
      const operations = await store();
      const record = await operations.get(id.toLowerCase());
      if (record === null) throw unknownOperation(call, id);
      return access.audited(
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
      const call = 'messages.operations.get';
      checkOperationId(call, id);
      const record = await (await store()).get(id.toLowerCase());
      if (record === null) throw unknownOperation(call, id);
      return operationOf(record);
    },
    async list(request = {}) {
      const call = 'messages.operations.list';
      const { limit = 100, before } = optionsOf(call, request, latestNames);
      if (before !== undefined) checkOperationId(call, before);
      const query = {
        limit: wholeNumberOf(call, 'limit', limit, 1, 1_000),
        ...(before !== undefined && { before: before.toLowerCase() }),
      };
      return (await (await store()).list(query)).map(operationOf);
    },
  };
}
