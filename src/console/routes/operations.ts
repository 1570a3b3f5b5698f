/** Operations: counted first, then run in the background, with their progress. Those on messages are created here. */
import * as v from 'valibot';
import type { ActName } from '../../engine/message-search.ts';
import type { Operation } from '../../fleet/stored-operations/operation.ts';
import type { TenantsActDefinition } from '../../fleet/stored-operations/tenant-acts.ts';
import { json, Refusal } from '../answer.ts';
import { masked, type OperationAnswer, operationAnswer, readAnswer } from '../operation-answer.ts';
import { type OperationRight, operationPaths, rightOf } from '../operation-rules.ts';
import { definedOf, filterText, queue, tenantId, text, uuid } from '../parameters.ts';
import { type Route, type RouteContext, route } from '../route.ts';
import { withDead } from '../tenants/with-dead.ts';

const request = {
  queue,
  /** Absent: every tenant that has dead messages by the registry's counts, and matches `q`. */
  tenants: v.optional(v.pipe(v.array(tenantId), v.minLength(1), v.maxLength(1_000))),
  q: v.optional(text(500), ''),
  /** Never empty: an act on everything that is dead is not begun by a slip. Without states, only dead messages. */
  filter: v.strictObject({
    topic: filterText,
    errorText: filterText,
    orderingKey: filterText,
    correlationId: filterText,
    dedupKey: filterText,
    source: filterText,
    /** Ready messages come all the time, so an act on all of them would have no end. */
    states: v.optional(v.tuple([v.literal('dead')])),
  }),
};

interface Requested {
  readonly tenants: readonly string[] | undefined;
  readonly filter: v.InferOutput<typeof request.filter>;
}

/** An act on everything that is dead is not begun by a slip: the request has a condition, or tenants and a state. */
const isNarrow = ({ tenants, filter: { states, ...conditions } }: Requested) =>
  (tenants !== undefined && states !== undefined) ||
  Object.values(conditions).some((value) => value !== undefined);

export interface CreatedOperation {
  readonly operation: OperationAnswer;
}

const page = { before: v.optional(uuid) };

export const operationRoutes: readonly Route[] = [
  route({
    name: 'operations.list',
    method: 'GET',
    path: '/api/operations',
    rights: ['look'],
    touches: 'registry',
    parameters: v.strictObject(page),
    async handle({ multiOutbox }, { before }) {
      const listed = await multiOutbox.operations.list({ limit: 100, ...(before && { before }) });
      return json(listed.map(masked));
    },
  }),
  route({
    name: 'operations.show',
    method: 'GET',
    path: '/api/operations/:operation',
    rights: ['look'],
    touches: 'registry',
    async handle({ multiOutbox }, { operation }) {
      return json(await readAnswer(multiOutbox.operations, operation));
    },
  }),
  ...creating('operations.create', 'act', ['replay']),
  ...creating('operations.create-destructive', 'destroy', ['discard', 'cancel']),
  ...changing('run', begun),
  ...changing('stop', ({ multiOutbox, operator }, { id }) =>
    multiOutbox.operations.cancel(id, { by: operator.actor }),
  ),
];

const mostWaitedMs = 1_500;

/** Begins to work on an operation, which goes on without the request. Returns it as it is after its first progress, or soon. */
function begun(
  { multiOutbox, operator, snapshots, stopping, log }: RouteContext,
  { id, on }: Operation,
): Promise<Operation> {
  const { operations } = multiOutbox;
  // What is shown of the tenants is no longer true, and the page leads back to them.
  const end = () => on === 'tenants' && snapshots.forget();
  return new Promise<Operation>((resolve, reject) => {
    const waited = setTimeout(() => operations.get(id).then(resolve, reject), mostWaitedMs).unref();
    const answer = (operation: Operation) => {
      clearTimeout(waited);
      resolve(operation);
    };
    operations
      .resume(id, { by: operator.actor, signal: stopping, onProgress: answer })
      .finally(end)
      .then(answer, (error) => {
        clearTimeout(waited);
        // After the response, only the log has the error. The page says that the operation does not go on.
        log(`Operation ${id} was interrupted`, error);
        reject(error);
      });
  });
}

function creating<const Acts extends readonly ['replay'] | readonly ['discard', 'cancel']>(
  name: string,
  right: 'act' | 'destroy',
  acts: Acts,
): Route[] {
  return [
    route({
      name,
      method: 'POST',
      path: operationPaths[right],
      rights: [right],
      touches: 'tenant',
      parameters: v.strictObject({
        ...request,
        act: v.picklist(acts),
        reason: v.optional(v.pipe(text(400), v.minLength(1))),
      }),
      tenants: ({ tenants }) => tenants ?? [],
      async handle(context, { act, reason, filter, tenants, q, queue: name }) {
        if (!isNarrow({ tenants, filter }))
          throw new Refusal(
            400,
            'INVALID_ARGUMENT',
            'The filter is empty; give a condition, or tenants and a state.',
          );
        const chosen = tenants ?? (await withDead(context, q)).map(({ id }) => id);
        if (tenants === undefined) await context.allowed(chosen);
        const { operation } = await context.multiOutbox.operations.create({
          act: act as ActName,
          ...(act === 'cancel' && reason !== undefined && { reason }),
          queue: name,
          filter: { states: ['dead'], ...definedOf(filter) },
          tenants: chosen,
          by: context.operator.actor,
        });
        return json({ operation: operationAnswer(operation) } satisfies CreatedOperation);
      },
    }),
  ];
}

/** What an operation without a list of tenants works on. */
async function allTenants({ snapshots }: RouteContext): Promise<string[]> {
  const { value } = await snapshots.tenants.get();
  return value.filter(({ status }) => status !== 'retired').map(({ id }) => id);
}

/** Of each right there is a route: for acts that can be repeated, for those that cannot be undone, and for changes of tenants. */
function changing(
  verb: 'run' | 'stop',
  change: (context: RouteContext, operation: Operation) => Promise<Operation>,
): Route[] {
  return (Object.keys(operationPaths) as OperationRight[]).map((right) =>
    route({
      name: `operations.${verb}${operationPaths[right].slice(operationPaths.act.length)}`,
      method: 'POST',
      path: `${operationPaths[right]}/:operation/${verb}`,
      rights: [right],
      touches: right === 'configure' ? 'registry' : 'tenant',
      async handle(context, { operation: id }) {
        const operation = await context.multiOutbox.operations.get(id);
        if (rightOf(operation) !== right)
          throw new Refusal(403, 'FORBIDDEN', `This operation needs the right '${rightOf(operation)}'.`);
        const ids = operation.tenants ?? (await allTenants(context));
        await context.allowed(ids);
        if (operation.on === 'tenants') await context.allowed(ids, routeOfAct(operation.act));
        const changed = await change(context, operation);
        context.snapshots.expire();
        return json(operationAnswer(changed));
      },
    }),
  );
}

/** The name of the route that does the same to one tenant, by which the host may decide about it. */
export function routeOfAct({ act }: TenantsActDefinition): string {
  return act === 'change-overrides' ? 'tenants.change' : `tenants.${act}`;
}
