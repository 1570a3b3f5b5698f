/**
 * Acts on many tenants: the page reads which match, and then sends their ids, so many at a time that an answer comes soon. What
 * was counted is acted on, and what matches only later is left alone.
 */
import * as v from 'valibot';
import { isMultiOutboxError } from '../../errors.ts';
import { inParallel } from '../../fleet/in-parallel.ts';
import { checkedOverrides, type OverridesChange } from '../../fleet/tenants/overrides.ts';
import { json, Refusal } from '../answer.ts';
import { definedOf, overrideParameters, tenantId, text } from '../parameters.ts';
import { refusalOfError } from '../responses.ts';
import { type Route, type RouteContext, route } from '../route.ts';
import { type TenantActName, tenantActs } from '../tenants/acts.ts';
import { matchingRows } from '../tenants/matching.ts';
import { type TenantRow, tenantRow } from '../tenants/tenant-row.ts';

export type { OverridesChange, TenantActName };

/** So many tenants are acted on by one request. */
const mostTenants = 100;
/** Each act is a few statements of the registry. */
const atOnce = 4;
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

export interface ActedOnTenants {
  readonly changed: number;
  /** The tenants that the act is not for as they are now, and those of which it failed, with the reason; in the order of the request. */
  readonly left: readonly { readonly id: string; readonly code: string; readonly message: string }[];
}

type Left = ActedOnTenants['left'][number];
type Reason = Omit<Left, 'id'>;

const ids = v.pipe(v.array(tenantId), v.minLength(1), v.maxLength(mostTenants));

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
    name: 'tenants.act',
    method: 'POST',
    path: '/api/tenants-act',
    rights: ['act'],
    touches: 'registry',
    parameters: v.strictObject({
      act: v.picklist(Object.keys(tenantActs) as TenantActName[]),
      ids,
    }),
    tenants: ({ ids }) => ids,
    async handle(context, { act, ids }) {
      // As for the act on one, by its name.
      await context.allowed(ids, `tenants.${act}`);
      return json(await onEach(context, ids, (id) => actOn(context, act, id)));
    },
  }),
  route({
    name: 'tenants.change-many',
    method: 'POST',
    path: '/api/tenants-overrides',
    rights: ['configure'],
    touches: 'registry',
    parameters: v.strictObject({
      /** A value is set, null is as the fleet, and what is absent stays as it is. */
      overrides: v.strictObject({
        batchSize: v.optional(overrideParameters.batchSize),
        concurrency: v.optional(overrideParameters.concurrency),
        idleCeilingMs: v.optional(overrideParameters.idleCeilingMs),
      }),
      ids,
    }),
    tenants: ({ ids }) => ids,
    async handle(context, { overrides, ids }) {
      const change = definedOf(overrides);
      checkValues(change);
      await context.allowed(ids, 'tenants.change');
      return json(await onEach(context, ids, (id) => overrideOf(context, id, change)));
    },
  }),
];

/** Values that are refused are refused once, and not for each tenant; the text says which, and does not repeat it. */
function checkValues(change: OverridesChange): void {
  try {
    checkedOverrides('The new values are refused', change);
  } catch (error) {
    if (isMultiOutboxError(error, 'INVALID_TENANT')) throw new Refusal(422, error.code, error.message);
    throw error;
  }
}

/** Acts on a few tenants at once. @param act returns the tenant as it is afterwards, or why it was left alone */
async function onEach(
  context: RouteContext,
  ids: readonly string[],
  act: (tenantId: string) => Promise<TenantRow | Reason>,
): Promise<ActedOnTenants> {
  const rows: TenantRow[] = [];
  /** The registry does not answer: the others would only wait for it one after another. */
  let unavailable: Reason | null = null;
  const results = await inParallel([...new Set(ids)], atOnce, async (id): Promise<Left | null> => {
    if (unavailable !== null) return { id, ...unavailable };
    try {
      const result = await act(id);
      if ('code' in result) return { id, ...result };
      rows.push(result);
      return null;
    } catch (error) {
      const { code, message } = refusalOfError(error);
      if (isMultiOutboxError(error) && error.transient) unavailable = { code, message };
      return { id, code, message };
    }
  });
  context.snapshots.changed(rows);
  return { changed: rows.length, left: results.filter((result) => result !== null) };
}

const otherStatus: Reason = { code: 'TENANT_NOT_ACTIVE', message: 'It has another status now.' };
const retired: Reason = { code: 'TENANT_RETIRED', message: 'It is retired.' };
export const oddDefinition: Reason = {
  code: 'INVALID_TENANT',
  message: 'Its definition in the registry cannot be read; correct that first.',
};
/** No version was sent, so nobody has seen another one. */
const contended: Reason = {
  code: 'TENANT_CHANGED',
  message: 'A program keeps changing it; try again later.',
};
const unchanged: Reason = { code: 'TENANT_UNCHANGED', message: 'It has these values already.' };

async function actOn(context: RouteContext, name: TenantActName, id: string): Promise<TenantRow | Reason> {
  const { tenants } = context.multiOutbox;
  const { status, act } = tenantActs[name];
  if ((await tenants.get(id)).status !== status) return otherStatus;
  try {
    await act(context, id);
  } catch (error) {
    // It was changed between the read and the act.
    if (isMultiOutboxError(error, 'TENANT_NOT_ACTIVE')) return otherStatus;
    throw error;
  }
  return tenantRow(await tenants.get(id));
}

async function overrideOf(
  { multiOutbox: { tenants }, operator }: RouteContext,
  id: string,
  change: OverridesChange,
): Promise<TenantRow | Reason> {
  if ((await tenants.get(id)).status === 'retired') return retired;
  try {
    const { changed, ...tenant } = await tenants.changeOverrides(id, change, { by: operator.actor });
    return changed ? tenantRow(tenant) : unchanged;
  } catch (error) {
    // The values have been checked, so it is the rest of the tenant.
    if (isMultiOutboxError(error, 'INVALID_TENANT')) return oddDefinition;
    if (isMultiOutboxError(error, 'TENANT_CHANGED')) return contended;
    throw error;
  }
}
