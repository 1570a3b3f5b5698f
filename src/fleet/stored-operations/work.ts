/** What an operation does to one tenant, by what it is on. */
import type { OperationOutline, OperationRecord } from '../../engine/operation-store.ts';
import type { QueueName, WorkQueue } from '../../engine/work-queue.ts';
import { isMultiOutboxError } from '../../errors.ts';
import { actOnAll } from '../messages/act-on-all.ts';
import { type ActDefinition, actOf } from '../messages/acts.ts';
import type { Audited } from '../messages/audited.ts';
import { tenantsAtOnce } from '../messages/counted-tenants.ts';
import { type MessageSelection, messageFilter, refusal } from '../messages/selection.ts';
import type { Tenants } from '../tenants/registered-tenants.ts';
import { actOnTenant, isOfOneTenant, type TenantsActDefinition, tenantActs } from './tenant-acts.ts';

export interface WorkAccess {
  useQueue<T>(tenantId: string, queue: QueueName, action: (queue: WorkQueue) => Promise<T>): Promise<T>;
  /** Makes the tenant due now. Never throws (F7). */
  wake(tenantId: string): Promise<void>;
  /** The acts on tenants, with their rows in this record. */
  tenants(audited: Audited): Tenants;
  readonly audited: Audited;
}

/** What one tenant's work tells the run. */
export interface Step {
  changed(count: number): void;
  /** Writes the progress. Returns false when the work is to stop, because the signal has fired or the operation is another's. */
  store(): Promise<boolean>;
}

export interface Work {
  /** How many tenants are tried before the progress is written, whatever each has stored; some of them at once. */
  readonly tenantsPerWrite: number;
  on(tenantId: string, step: Step): Promise<void>;
  /** Whether an error of `on` is one tenant's, so that the others are tried; any other ends the run, as those of `store` do. */
  isOfOneTenant(error: unknown): boolean;
}

/** @throws INVALID_ARGUMENT when this release does not know the act */
export function workOf(
  access: WorkAccess,
  call: string,
  record: OperationRecord | OperationOutline,
  actor: string,
): Work {
  const { definition } = record;
  if (definition.on === 'tenants')
    return onTenants(access, call, record.id, definition.act as TenantsActDefinition, actor);
  const { queue } = definition;
  const act = actOf(call, definition.act as ActDefinition);
  const filter = messageFilter(call, definition.filter as MessageSelection);
  const sinceCountMs = sinceCount(record, definition.countingMs);
  return {
    tenantsPerWrite: tenantsAtOnce,
    // It is that of a tenant's database (D8); the registry's come from `store`. A host that stops closes all databases.
    isOfOneTenant: (error) => !isMultiOutboxError(error, 'CLOSED'),
    async on(tenantId, step) {
      let isChanged = false;
      const onBatch = (changed: number) => {
        isChanged ||= changed > 0;
        step.changed(changed);
        return step.store();
      };
      try {
        await access.useQueue(tenantId, queue, (opened) =>
          actOnAll(opened, act, filter, onBatch, sinceCountMs),
        );
      } finally {
        if (isChanged) await access.wake(tenantId);
      }
    },
  };
}

/** Each is a few statements of the registry; so many of them are lost from the progress when a process ends. */
const tenantsPerWrite = 100;

function onTenants(
  access: WorkAccess,
  call: string,
  operationId: string,
  act: TenantsActDefinition,
  actor: string,
): Work {
  if (!Object.hasOwn(tenantActs, act.act))
    throw refusal(
      call,
      `this release does not know the act '${act.act}'; resume it with the release that created it`,
    );
  const tenants = access.tenants((entry, work, countOf) =>
    access.audited({ ...entry, operationId }, work, countOf),
  );
  return {
    tenantsPerWrite,
    isOfOneTenant,
    async on(tenantId, step) {
      if (await actOnTenant(tenants, act, tenantId, { by: actor })) step.changed(1);
    },
  };
}

/** Milliseconds since the count began. The registry's clock tells how long ago it was when this process took the operation. */
function sinceCount(
  { createdUtc, updatedUtc }: Pick<OperationRecord, 'createdUtc' | 'updatedUtc'>,
  countingMs: number,
): () => number {
  const takenAt = performance.now();
  const before = Math.max(0, updatedUtc.getTime() - createdUtc.getTime()) + countingMs;
  return () => before + performance.now() - takenAt;
}
