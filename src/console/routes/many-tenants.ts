/**
 * Operations on many tenants: the page reads which match, and then sends their ids. What was counted is acted on, and what matches
 * only later is left alone.
 */
import * as v from 'valibot';
import { isMultiOutboxError } from '../../errors.ts';
import type { TenantsActDefinition } from '../../fleet/stored-operations/tenant-acts.ts';
import type { OverridesChange } from '../../fleet/tenants/overrides.ts';
import { json, Refusal } from '../answer.ts';
import { operationAnswer } from '../operation-answer.ts';
import { mostTenants, operationPaths } from '../operation-rules.ts';
import { definedOf, overrideParameters, tenantId, text } from '../parameters.ts';
import { type Route, type RouteContext, route } from '../route.ts';
import { matchingRows } from '../tenants/matching.ts';
import type { TenantRow } from '../tenants/tenant-row.ts';
import { type CreatedOperation, routeOfAct } from './operations.ts';

export type { OverridesChange };

/** So many ids are answered by one request. */
const mostIds = 2_000;

/** Which tenants match, by what an act can change; in the order of their ids. */
export interface MatchingIds {
  readonly active: readonly string[];
  readonly paused: readonly string[];
  /** How many match in all, the retired ones included. */
  readonly matching: number;
  /** The next request's `after`; null when this was the last. */
  readonly next: string | null;
}

/** Room for the most tenants, with the longest ids. */
const largestBody = 8 * 2 ** 20;

const tenants = v.pipe(v.array(tenantId), v.minLength(1), v.maxLength(mostTenants));

export const manyTenantsRoutes: readonly Route[] = [
  route({
    name: 'tenants.matching',
    method: 'GET',
    path: '/api/tenants-matching',
    rights: ['look'],
    touches: 'registry',
    parameters: v.strictObject({ q: v.optional(text(500), ''), after: v.optional(tenantId) }),
    async handle(context, { q, after }) {
      const { rows, asOf } = await matchingRows(context, q);
      const behind = rows
        .filter(({ id, hasOddId }) => !hasOddId && (after === undefined || id > after))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      const page = behind.slice(0, mostIds);
      const idsOf = (wanted: TenantRow['status']) =>
        page.filter(({ status }) => status === wanted).map(({ id }) => id);
      const answer: MatchingIds = {
        active: idsOf('active'),
        paused: idsOf('paused'),
        matching: rows.length,
        next: behind.length > page.length ? page.at(-1)!.id : null,
      };
      return json(answer, asOf);
    },
  }),
  route({
    name: 'operations.create-on-tenants',
    method: 'POST',
    path: '/api/operations-on-tenants',
    rights: ['act'],
    touches: 'registry',
    largestBody,
    parameters: v.strictObject({ act: v.picklist(['wake', 'pause', 'resume']), tenants }),
    tenants: ({ tenants }) => tenants,
    handle: (context, { act, tenants }) => created(context, { act }, tenants),
  }),
  route({
    name: 'operations.create-configuring',
    method: 'POST',
    path: operationPaths.configure,
    rights: ['configure'],
    touches: 'registry',
    largestBody,
    parameters: v.strictObject({
      /** A value is set, null is as the fleet, and what is absent stays as it is. */
      overrides: v.strictObject({
        batchSize: v.optional(overrideParameters.batchSize),
        concurrency: v.optional(overrideParameters.concurrency),
        idleCeilingMs: v.optional(overrideParameters.idleCeilingMs),
      }),
      tenants,
    }),
    tenants: ({ tenants }) => tenants,
    handle: (context, { overrides, tenants }) =>
      created(context, { act: 'change-overrides', overrides: definedOf(overrides) }, tenants),
  }),
];

async function created(context: RouteContext, act: TenantsActDefinition, tenants: readonly string[]) {
  // As for the act on one, by its name.
  await context.allowed(tenants, routeOfAct(act));
  const { multiOutbox, operator } = context;
  try {
    const { operation } = await multiOutbox.operations.create({ ...act, tenants, by: operator.actor });
    return json({ operation: operationAnswer(operation) } satisfies CreatedOperation);
  } catch (error) {
    // The text says which value is refused, and does not repeat it.
    if (isMultiOutboxError(error, 'INVALID_TENANT'))
      throw new Refusal(422, error.code, error.message.replace(/^[a-z.]+: /, 'The new values are refused: '));
    throw error;
  }
}
