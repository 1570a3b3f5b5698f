/**
 * Acts on many tenants: the page reads which match, and then sends their ids, so many at a time that an answer comes soon. What
 * was counted is acted on, and what matches only later is left alone.
 */
import * as v from 'valibot';
import { isMultiOutboxError } from '../../errors.ts';
import { inParallel } from '../../fleet/in-parallel.ts';
import { json } from '../answer.ts';
import { tenantId, text } from '../parameters.ts';
import { refusalOfError } from '../responses.ts';
import { type Route, type RouteContext, route } from '../route.ts';
import { type TenantActName, tenantActs } from '../tenants/acts.ts';
import { matchingRows } from '../tenants/matching.ts';
import { type TenantRow, tenantRow } from '../tenants/tenant-row.ts';

export type { TenantActName };

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
  /** The tenants that have another status now, and those whose act failed, with the reason; in the order of the request. */
  readonly left: readonly { readonly id: string; readonly code: string; readonly message: string }[];
}

type Left = ActedOnTenants['left'][number];

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
      ids: v.pipe(v.array(tenantId), v.minLength(1), v.maxLength(mostTenants)),
    }),
    tenants: ({ ids }) => ids,
    async handle(context, { act, ids }) {
      // As for the act on one, by its name.
      await context.allowed(ids, `tenants.${act}`);
      const rows: TenantRow[] = [];
      /** The registry does not answer: the others would only wait for it one after another. */
      let unavailable: Omit<Left, 'id'> | null = null;
      const results = await inParallel([...new Set(ids)], atOnce, async (id): Promise<Left | null> => {
        if (unavailable !== null) return { id, ...unavailable };
        try {
          const row = await actOn(context, act, id);
          if (row === null) return { id, code: 'TENANT_NOT_ACTIVE', message: otherStatus };
          rows.push(row);
          return null;
        } catch (error) {
          const { code, message } = refusalOfError(error);
          if (isMultiOutboxError(error) && error.transient) unavailable = { code, message };
          return { id, code, message };
        }
      });
      context.snapshots.changed(rows);
      const left = results.filter((result) => result !== null);
      return json({ changed: rows.length, left } satisfies ActedOnTenants);
    },
  }),
];

const otherStatus = 'It has another status now, and stayed.';

/** Returns the tenant as it is after the act; null if the act is not for tenants of its status. */
async function actOn(context: RouteContext, name: TenantActName, id: string): Promise<TenantRow | null> {
  const { tenants } = context.multiOutbox;
  const { status, act } = tenantActs[name];
  if ((await tenants.get(id)).status !== status) return null;
  await act(context, id);
  return tenantRow(await tenants.get(id));
}
