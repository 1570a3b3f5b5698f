/** Leases of the registry and of tenants' databases, in pages: they are never removed, so there may be many. */
import * as v from 'valibot';
import type { LeaseRecord } from '../../engine/lease-store.ts';
import type { MultiOutbox } from '../../multi-outbox-interface.ts';
import { json } from '../answer.ts';
import { flag } from '../parameters.ts';
import { type Route, route } from '../route.ts';

export type { LeaseHosts } from '../fleet/lease-hosts.ts';
export type { LeaseRecord };

/** At most 100 leases, by name. */
export interface LeasesPage {
  readonly leases: readonly LeaseRecord[];
  /** The next request's `after`; null when this is the last page. */
  readonly next: string | null;
}

const pageSize = 100;
/** Whatever name a lease has, also one that another program wrote: its page and its release must be reached. */
const leaseName = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(200),
  v.check((name) => name.isWellFormed()),
);
const page = {
  /** Only those with an owner. */
  owned: v.optional(flag, 'false'),
  after: v.optional(leaseName),
};

async function pageOf(
  leases: ReturnType<MultiOutbox['leases']>,
  { owned, after }: { readonly owned: boolean; readonly after?: string | undefined },
): Promise<LeasesPage> {
  const rows = await leases.list({ limit: pageSize + 1, owned, ...(after !== undefined && { after }) });
  const shown = rows.slice(0, pageSize);
  return { leases: shown, next: rows.length > pageSize ? shown.at(-1)!.name : null };
}

export const leaseRoutes: readonly Route[] = [
  route({
    name: 'leases.hosts',
    method: 'GET',
    path: '/api/leases-by-host',
    rights: ['look'],
    touches: 'registry',
    async handle({ snapshots }) {
      const { value, asOf } = await snapshots.leases.get();
      return json(value, asOf);
    },
  }),
  route({
    name: 'leases.list',
    method: 'GET',
    path: '/api/leases',
    rights: ['look'],
    touches: 'registry',
    parameters: v.strictObject(page),
    async handle({ multiOutbox }, query) {
      return json(await pageOf(multiOutbox.leases(), query));
    },
  }),
  route({
    name: 'leases.release',
    method: 'POST',
    path: '/api/leases/release',
    rights: ['act'],
    touches: 'registry',
    parameters: v.strictObject({ name: leaseName }),
    async handle({ multiOutbox, snapshots, operator }, { name }) {
      const released = await multiOutbox.leases().release(name, { by: operator.actor });
      snapshots.leases.forget();
      return json({ released });
    },
  }),
  route({
    name: 'tenants.leases',
    method: 'GET',
    path: '/api/tenants/:tenant/leases',
    rights: ['look'],
    touches: 'tenant',
    parameters: v.strictObject(page),
    async handle({ multiOutbox }, { tenant, ...query }) {
      return json(await pageOf(multiOutbox.leases(tenant), query));
    },
  }),
  route({
    name: 'tenants.release-lease',
    method: 'POST',
    path: '/api/tenants/:tenant/leases/release',
    rights: ['act'],
    touches: 'tenant',
    parameters: v.strictObject({ name: leaseName }),
    async handle({ multiOutbox, operator }, { tenant, name }) {
      return json({ released: await multiOutbox.leases(tenant).release(name, { by: operator.actor }) });
    },
  }),
];
