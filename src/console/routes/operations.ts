/** Acts on all messages that match: counted first, then run in the background, with their progress. */
import * as v from 'valibot';
import type { ActName } from '../../engine/message-search.ts';
import type { CountedTenants } from '../../fleet/messages/counted-tenants.ts';
import type { Operation } from '../../fleet/messages/operations.ts';
import { json, Refusal } from '../answer.ts';
import { queue, tenantId, text, uuid } from '../parameters.ts';
import { type Route, type RouteContext, route } from '../route.ts';

const matchText = v.optional(v.pipe(text(400), v.minLength(1)));

const request = {
  queue,
  /** Absent: every tenant that has dead messages by the registry's counts. */
  tenants: v.optional(v.pipe(v.array(tenantId), v.minLength(1), v.maxLength(1_000))),
  filter: v.strictObject({
    topic: matchText,
    errorText: matchText,
    orderingKey: matchText,
    correlationId: matchText,
  }),
};

export interface CreatedOperation {
  readonly operation: Operation;
  readonly counted: CountedTenants;
}

const destructive: readonly ActName[] = ['discard', 'cancel'];
const page = { before: v.optional(uuid) };

export const operationRoutes: readonly Route[] = [
  route({
    name: 'operations.list',
    method: 'GET',
    path: '/api/operations',
    right: 'look',
    touches: 'registry',
    parameters: v.strictObject(page),
    async handle({ multiOutbox }, { before }) {
      return json(await multiOutbox.messages.operations.list({ limit: 100, ...(before && { before }) }));
    },
  }),
  route({
    name: 'operations.show',
    method: 'GET',
    path: '/api/operations/:operation',
    right: 'look',
    touches: 'registry',
    async handle({ multiOutbox }, { operation }) {
      return json(await multiOutbox.messages.operations.get(operation));
    },
  }),
  ...creating('operations.create', '/api/operations', 'act', ['replay']),
  ...creating('operations.create-destructive', '/api/operations-destructive', 'destroy', [
    'discard',
    'cancel',
  ]),
  ...changing('run', async ({ multiOutbox, operator, log }, { id }) => {
    // It goes on without the request. Another host can go on with it if this process ends.
    multiOutbox.messages.operations
      .resume(id, { by: operator.actor })
      .catch((error) => log(`Operation ${id} was interrupted`, error));
  }),
  ...changing('stop', async ({ multiOutbox, operator }, { id }) => {
    await multiOutbox.messages.operations.cancel(id, { by: operator.actor });
  }),
];

function creating<const Acts extends readonly ['replay'] | readonly ['discard', 'cancel']>(
  name: string,
  path: '/api/operations' | '/api/operations-destructive',
  right: 'act' | 'destroy',
  acts: Acts,
): Route[] {
  return [
    route({
      name,
      method: 'POST',
      path,
      right,
      touches: 'tenant',
      parameters: v.strictObject({
        ...request,
        act: v.picklist(acts),
        reason: v.optional(v.pipe(text(400), v.minLength(1))),
      }),
      async handle({ multiOutbox, operator, snapshots }, { act, reason, filter, tenants, queue: name }) {
        const chosen = tenants ?? (await withDead({ snapshots }));
        const created: CreatedOperation = await multiOutbox.messages.operations.create({
          act: act as ActName,
          ...(act === 'cancel' && reason !== undefined && { reason }),
          queue: name,
          filter: {
            ...Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)),
            states: ['dead'],
          },
          tenants: chosen,
          by: operator.actor,
        });
        return json(created);
      },
    }),
  ];
}

/** One route for acts that can be repeated, and one for those that cannot be undone. */
function changing(
  verb: 'run' | 'stop',
  change: (context: RouteContext, operation: Operation) => Promise<void>,
): Route[] {
  return (['act', 'destroy'] as const).map((right) =>
    route({
      name: `operations.${verb}${right === 'destroy' ? '-destructive' : ''}`,
      method: 'POST',
      path: `/api/operations${right === 'destroy' ? '-destructive' : ''}/:operation/${verb}`,
      right,
      touches: 'tenant',
      async handle(context, { operation: id }) {
        const operation = await context.multiOutbox.messages.operations.get(id);
        if (destructive.includes(operation.act.act) !== (right === 'destroy'))
          throw new Refusal(
            403,
            'FORBIDDEN',
            "An operation that discards or cancels needs the right 'destroy'.",
          );
        await change(context, operation);
        context.snapshots.forget();
        return json({ done: verb });
      },
    }),
  );
}

async function withDead({ snapshots }: Pick<RouteContext, 'snapshots'>): Promise<string[]> {
  const { value } = await snapshots.tenants.get();
  return value
    .filter(({ status, counts }) => status !== 'retired' && (counts?.dead ?? 0) > 0)
    .map(({ id }) => id);
}
