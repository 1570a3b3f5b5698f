/** Acts on all messages that match: counted first, then run in the background, with their progress. */
import * as v from 'valibot';
import type { ActName } from '../../engine/message-search.ts';
import { foldedError } from '../../fleet/messages/errors.ts';
import type { Operation } from '../../fleet/messages/operations.ts';
import { withoutPayloadText } from '../../fleet/messages/selection.ts';
import { json, Refusal } from '../answer.ts';
import { definedOf, filterText, queue, tenantId, text, uuid } from '../parameters.ts';
import { withoutFolders } from '../responses.ts';
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
  readonly operation: Operation;
}

/** An operation without what may be parts of payloads: the text that was searched in them, and what errors quote. */
function masked(operation: Operation): Operation {
  return {
    ...operation,
    filter: withoutPayloadText(operation.filter),
    failures: operation.failures.map((failure) => ({
      ...failure,
      message: withoutFolders(foldedError(failure.message)),
    })),
  };
}

const destructive: readonly ActName[] = ['discard', 'cancel'];
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
      const { operations } = multiOutbox.messages;
      return json((await operations.list({ limit: 100, ...(before && { before }) })).map(masked));
    },
  }),
  route({
    name: 'operations.show',
    method: 'GET',
    path: '/api/operations/:operation',
    rights: ['look'],
    touches: 'registry',
    async handle({ multiOutbox }, { operation }) {
      return json(masked(await multiOutbox.messages.operations.get(operation)));
    },
  }),
  ...creating('operations.create', '/api/operations', 'act', ['replay']),
  ...creating('operations.create-destructive', '/api/operations-destructive', 'destroy', [
    'discard',
    'cancel',
  ]),
  ...changing('run', begun),
  ...changing('stop', ({ multiOutbox, operator }, { id }) =>
    multiOutbox.messages.operations.cancel(id, { by: operator.actor }),
  ),
];

const mostWaitedMs = 1_500;

/** Begins to work on an operation, which goes on without the request. Returns it as it is after its first progress, or soon. */
function begun(
  { multiOutbox, operator, stopping, log }: RouteContext,
  { id }: Operation,
): Promise<Operation> {
  const { operations } = multiOutbox.messages;
  return new Promise<Operation>((resolve, reject) => {
    const waited = setTimeout(() => operations.get(id).then(resolve, reject), mostWaitedMs).unref();
    const answer = (operation: Operation) => {
      clearTimeout(waited);
      resolve(operation);
    };
    operations
      .resume(id, { by: operator.actor, signal: stopping, onProgress: answer })
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
  path: '/api/operations' | '/api/operations-destructive',
  right: 'act' | 'destroy',
  acts: Acts,
): Route[] {
  return [
    route({
      name,
      method: 'POST',
      path,
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
        const { operation } = await context.multiOutbox.messages.operations.create({
          act: act as ActName,
          ...(act === 'cancel' && reason !== undefined && { reason }),
          queue: name,
          filter: { states: ['dead'], ...definedOf(filter) },
          tenants: chosen,
          by: context.operator.actor,
        });
        return json({ operation: masked(operation) } satisfies CreatedOperation);
      },
    }),
  ];
}

/** What an operation without a list of tenants works on. */
async function allTenants({ snapshots }: RouteContext): Promise<string[]> {
  const { value } = await snapshots.tenants.get();
  return value.filter(({ status }) => status !== 'retired').map(({ id }) => id);
}

/** One route for acts that can be repeated, and one for those that cannot be undone. */
function changing(
  verb: 'run' | 'stop',
  change: (context: RouteContext, operation: Operation) => Promise<Operation>,
): Route[] {
  return (['act', 'destroy'] as const).map((right) =>
    route({
      name: `operations.${verb}${right === 'destroy' ? '-destructive' : ''}`,
      method: 'POST',
      path: `/api/operations${right === 'destroy' ? '-destructive' : ''}/:operation/${verb}`,
      rights: [right],
      touches: 'tenant',
      async handle(context, { operation: id }) {
        const operation = await context.multiOutbox.messages.operations.get(id);
        if (destructive.includes(operation.act.act) !== (right === 'destroy'))
          throw new Refusal(
            403,
            'FORBIDDEN',
            "An operation that discards or cancels needs the right 'destroy'.",
          );
        await context.allowed(operation.tenants ?? (await allTenants(context)));
        const changed = await change(context, operation);
        context.snapshots.expire();
        return json(masked(changed));
      },
    }),
  );
}
