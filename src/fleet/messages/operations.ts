/** Operations: an act on all messages that match, over many tenants, counted first, resumable, with its result kept. */
import { randomUUID } from 'node:crypto';
import type { OperationProgress, OperationRecord, OperationState } from '../../engine/operation-store.ts';
import type { QueueName } from '../../engine/work-queue.ts';
import { MultiOutboxError } from '../../errors.ts';
import { filterOfAct } from './act-on-all.ts';
import { type ActDefinition, actOf } from './acts.ts';
import { unknownOperation } from './audited.ts';
import { type CountedTenants, countInTenants, tenantsOf } from './counted-tenants.ts';
import { OperationRun, type OperationsAccess } from './operation-run.ts';
import { type MessageSelection, messageFilter, withoutPayloadText } from './selection.ts';

/** An operation with its progress; plain JSON. */
export interface Operation extends OperationProgress {
  readonly id: string;
  /**
   * `counted`: it has not begun. `running`: a process works on it, or did until it ended; `resume` goes on with it. `done`:
   * every tenant was tried; `resume` tries those in `failures` again. `cancelled`: an operator ended it.
   */
  readonly state: OperationState;
  /** Who created it. */
  readonly actor: string;
  readonly act: ActDefinition;
  readonly queue: QueueName;
  readonly filter: MessageSelection;
  /** Null for every tenant that is not retired. */
  readonly tenants: readonly string[] | null;
  /** How many messages matched when it was created, in the tenants that answered. */
  readonly counted: number;
  /** Whether counting ended early in a tenant, so that there were as many or more. */
  readonly countedAtLeast: boolean;
  /** The tenants that did not answer when it was created. What matches there is changed too, beyond what was counted. */
  readonly uncounted: readonly string[];
  /** ISO text, by the registry's clock. */
  readonly createdUtc: string;
  readonly updatedUtc: string;
}

const noProgress: OperationProgress = { changed: 0, tenantsDone: 0, lastTenant: null, failures: [] };

export async function createOperation(
  access: OperationsAccess,
  actor: string,
  id: string,
  request: {
    readonly act: ActDefinition;
    readonly filter: MessageSelection;
    readonly queue: QueueName;
    readonly tenants: readonly string[] | null;
  },
  onTenant: (done: number, of: number) => void,
): Promise<{ operation: Operation; counted: CountedTenants }> {
  const call = 'messages.operations.create';
  const { act, filter, queue, tenants } = request;
  const matching = filterOfAct(actOf(call, act), messageFilter(call, filter));
  const registry = await access.registry();
  const ids = await tenantsOf(registry, tenants);
  const startedAt = performance.now();
  const counted = await countInTenants(access, ids, queue, matching, onTenant);
  const record = await registry.operations.create({
    id,
    actor,
    definition: {
      queue,
      act,
      filter,
      tenants: tenants === null ? null : ids,
      countedAtLeast: counted.atLeast,
      uncounted: counted.failures.map(({ tenantId }) => tenantId),
      countingMs: Math.ceil(performance.now() - startedAt),
    },
    counted: counted.counted,
    progress: noProgress,
  });
  return { operation: operationOf(record), counted };
}

export interface ResumeOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (operation: Operation) => void;
  /** Called when this call has worked on a tenant, with how many of its messages it changed, also if it failed then. */
  readonly onTenant?: (tenant: { readonly tenantId: string; readonly changed: number }) => void;
}

/** An operation after a call that worked on it. */
export interface ResumedOperation extends Operation {
  /** Whether another process has taken it over meanwhile; then the progress is that process's. */
  readonly takenOver: boolean;
}

/**
 * Works on an operation until every tenant was tried, the signal fires, another process takes it, or an operator cancels
 * it. @throws OPERATION_NOT_FOUND, OPERATION_CANCELLED, or the registry's error
 */
export async function runOperation(
  access: OperationsAccess,
  id: string,
  actor: string,
  { signal, onProgress = () => {}, onTenant = () => {} }: ResumeOptions,
): Promise<ResumedOperation> {
  const call = 'messages.operations.resume';
  const { operations } = await access.registry();
  const runner = randomUUID();
  const taken = await operations.take(id, runner);
  if (taken === null) {
    if ((await operations.get(id)) === null) throw unknownOperation(call, id);
    throw new MultiOutboxError(
      'OPERATION_CANCELLED',
      `${call}: operation '${id}' was cancelled; create another one.`,
    );
  }
  const { definition } = taken;
  const run = new OperationRun(access, operations, taken, runner, {
    onProgress: (record) => onProgress(operationOf(record)),
    onTenant,
  });
  const selection = { act: definition.act, filter: withoutPayloadText(definition.filter as object) };
  return access.audited(
    { actor, act: 'operation-resume', queue: definition.queue, operationId: id, selection },
    async () => {
      await run.all(signal);
      const operation = operationOf((await operations.get(id))!);
      return { ...operation, takenOver: !run.isOurs && operation.state !== 'cancelled' };
    },
    () => run.changed,
  );
}

export function operationOf({ definition, progress, ...record }: OperationRecord): Operation {
  const { id, state, actor, counted, createdUtc, updatedUtc } = record;
  return {
    id,
    state,
    actor,
    act: definition.act as ActDefinition,
    queue: definition.queue,
    filter: definition.filter as MessageSelection,
    tenants: definition.tenants,
    counted,
    countedAtLeast: definition.countedAtLeast,
    uncounted: definition.uncounted,
    ...progress,
    createdUtc: createdUtc.toISOString(),
    updatedUtc: updatedUtc.toISOString(),
  };
}
