import * as v from 'valibot';
import type { TenantRecord } from '../../engine/registry.ts';
import { foldedError } from '../../fleet/messages/errors.ts';
import { json, Refusal } from '../answer.ts';
import { flag, tenantIds, text, whole } from '../parameters.ts';
import { withoutFolders } from '../responses.ts';
import { type Route, type RouteContext, route } from '../route.ts';
import { activityOf } from '../tenants/activity.ts';
import { csvOf } from '../tenants/csv.ts';
import { matchingRows } from '../tenants/matching.ts';
import { cursorOf, type Order, pageOf, placeFrom, type SortName, sortKeys } from '../tenants/sort.ts';
import { summaryOf } from '../tenants/summary.ts';
import { type TenantRow, tenantRow } from '../tenants/tenant-row.ts';

const pageSize = 100;

const selection = {
  q: v.optional(text(500), ''),
  sort: v.optional(v.picklist(Object.keys(sortKeys) as SortName[]), 'id'),
  desc: v.optional(flag, 'false'),
};

export interface TenantsPage {
  readonly rows: readonly TenantRow[];
  /** The place of the next page; null when this page is the last. */
  readonly next: string | null;
  /** How many tenants match; null where the registry was not asked. */
  readonly matching: number | null;
}

/** A tenant without `auth`, which names settings that hold secrets. */
export type TenantDetails = Omit<TenantRecord, 'auth'> & { readonly row: TenantRow };

export const tenantRoutes: readonly Route[] = [
  route({
    name: 'tenants.list',
    method: 'GET',
    path: '/api/tenants',
    rights: ['look'],
    touches: 'registry',
    parameters: v.strictObject({
      ...selection,
      after: v.optional(text(220)),
      limit: v.optional(whole(1, pageSize), pageSize),
    }),
    handle: (context, given) => tenantsPage(context, given),
  }),
  route({
    name: 'tenants.csv',
    method: 'GET',
    path: '/api/tenants.csv',
    rights: ['look'],
    touches: 'registry',
    parameters: v.strictObject(selection),
    async handle(context, { q, sort, desc }) {
      const { rows, asOf } = await matchingRows(context, q);
      const { page } = pageOf(rows, { sort, desc }, null, Number.POSITIVE_INFINITY);
      return { body: csvOf(page), type: 'text/csv', cache: 'unchanged', asOf, fileName: 'tenants.csv' };
    },
  }),
  route({
    name: 'tenants.summary',
    method: 'GET',
    path: '/api/tenants-summary',
    rights: ['look'],
    touches: 'registry',
    async handle({ snapshots }) {
      const { value, asOf } = await snapshots.tenants.get();
      return json(summaryOf(value, asOf.getTime()), asOf);
    },
  }),
  route({
    name: 'tenants.activity',
    method: 'GET',
    path: '/api/tenants-activity',
    rights: ['look'],
    touches: 'registry',
    parameters: v.strictObject({ ids: tenantIds(pageSize) }),
    tenants: ({ ids }) => ids,
    async handle({ multiOutbox, snapshots }, { ids }) {
      const asOf = await snapshots.now();
      return json(await activityOf(multiOutbox, ids, asOf), asOf);
    },
  }),
  route({
    name: 'tenants.show',
    method: 'GET',
    path: '/api/tenants/:tenant',
    rights: ['look'],
    touches: 'registry',
    async handle({ multiOutbox }, { tenant }) {
      const record = await multiOutbox.tenants.get(tenant);
      const { auth: _auth, schedule, ...shown } = record;
      // Errors of handlers may have parts of payloads.
      const failingTopics = schedule.failingTopics.map((topic) => ({
        ...topic,
        error: foldedError(topic.error),
      }));
      const details: TenantDetails = {
        ...shown,
        schedule: {
          ...schedule,
          lastError: schedule.lastError && withoutFolders(foldedError(schedule.lastError)),
          failingTopics,
        },
        row: tenantRow(record),
      };
      return json(details);
    },
  }),
  route({
    name: 'tenants.history',
    method: 'GET',
    path: '/api/tenants/:tenant/history',
    rights: ['look'],
    touches: 'registry',
    parameters: v.strictObject({ hours: v.optional(whole(1, 336), 24) }),
    async handle({ multiOutbox }, { tenant, hours }) {
      return json(await multiOutbox.history({ tenant, since: `${hours}h` }));
    },
  }),
];

type ListGiven = { q: string; after?: string | undefined; limit: number } & Order;

async function tenantsPage(context: RouteContext, { q, after, limit, ...order }: ListGiven) {
  const place = after === undefined ? null : placeFrom(after, order);
  if (after !== undefined && place === null)
    throw new Refusal(
      400,
      'INVALID_ARGUMENT',
      "The parameter 'after' is not the place of a page in this order.",
    );
  const status = /^\s*(?:status:(active|paused|retired))?\s*$/.exec(q);
  // The registry itself has this order, so a page of it is one short read, however many tenants there are.
  if (order.sort === 'id' && !order.desc && status !== null)
    return pageOfRegistry(context, status[1] as TenantRow['status'] | undefined, place?.id, limit);
  const { rows, asOf } = await matchingRows(context, q);
  const { page, more } = pageOf(rows, order, place, limit);
  const answer: TenantsPage = {
    rows: page,
    next: more ? cursorOf(page.at(-1)!, order) : null,
    matching: rows.length,
  };
  return json(answer, asOf);
}

async function pageOfRegistry(
  { multiOutbox, snapshots }: RouteContext,
  status: TenantRow['status'] | undefined,
  after: string | undefined,
  limit: number,
) {
  const asOf = await snapshots.now();
  const found = await multiOutbox.tenants.list({
    ...(status && { status }),
    ...(after !== undefined && { after }),
    limit: limit + 1,
  });
  const rows = found.slice(0, limit).map(tenantRow);
  const next = found.length > limit ? cursorOf(rows.at(-1)!, { sort: 'id', desc: false }) : null;
  return json({ rows, next, matching: null } satisfies TenantsPage, asOf);
}
