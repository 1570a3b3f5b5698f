/** Counts what a new operation is for, and stores it. */
import type { NewOperation, OperationProgress } from '../../engine/operation-store.ts';
import type { Registry } from '../../engine/registry.ts';
import { filterOfAct } from '../messages/act-on-all.ts';
import { actOf } from '../messages/acts.ts';
import { countInTenants, type TenantQueues, tenantsOf } from '../messages/counted-tenants.ts';
import { messageFilter, withoutPayloadText } from '../messages/selection.ts';
import { countTenants } from './count-tenants.ts';
import { type Operation, operationOf } from './operation.ts';
import type { CheckedRequest } from './requests.ts';

const noProgress: OperationProgress = { changed: 0, tenantsDone: 0, lastTenant: null, failures: [] };

/** @param onTenant is told how many tenants' messages are counted */
export async function createOperation(
  access: TenantQueues,
  registry: Registry,
  { id, actor }: Pick<NewOperation, 'id' | 'actor'>,
  request: CheckedRequest,
  onTenant: (done: number, of: number) => void,
) {
  const stored = async (about: Omit<NewOperation, 'id' | 'actor' | 'progress'>): Promise<Operation> => {
    const outline = await registry.operations.create({ id, actor, ...about, progress: noProgress });
    return operationOf({ ...outline, targets: about.targets, progress: noProgress });
  };
  const { on, act, tenants } = request;
  if (on === 'tenants') {
    const counted = await countTenants(registry, act, tenants);
    return {
      operation: await stored({ definition: { on, act }, targets: { tenants, uncounted: [] }, counted }),
    };
  }
  const { filter, queue } = request;
  const call = 'operations.create';
  const matching = filterOfAct(actOf(call, act), messageFilter(call, filter));
  const ids = await tenantsOf(registry, tenants);
  const startedAt = performance.now();
  const counted = await countInTenants(access, ids, queue, matching, onTenant);
  const countingMs = Math.ceil(performance.now() - startedAt);
  const operation = await stored({
    definition: { on, act, queue, filter, countedAtLeast: counted.atLeast, countingMs },
    targets: { tenants, uncounted: counted.failures.map(({ tenantId }) => tenantId) },
    counted: counted.counted,
  });
  return { operation, counted };
}

/** The record of acts names so many tenants of an operation; the operation itself keeps all of them. */
const mostNamed = 100;

/** What the record of acts says about a new operation. */
export function selectionOf({ on: _on, ...request }: CheckedRequest): object {
  const { tenants } = request;
  return {
    ...request,
    ...('filter' in request && { filter: withoutPayloadText(request.filter) }),
    tenants: tenants !== null && tenants.length > mostNamed ? tenants.length : tenants,
  };
}
