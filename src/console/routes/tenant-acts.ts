import { json } from '../answer.ts';
import { type Route, type RouteContext, route } from '../route.ts';
import { tenantRow } from '../tenants/tenant-row.ts';

type Act = (context: RouteContext, tenantId: string) => Promise<unknown>;

/** Acts on one tenant; none touches its database. */
const acts: Readonly<Record<string, Act>> = {
  wake: ({ multiOutbox, operator }, id) => multiOutbox.tenants.wake(id, { by: operator.actor }),
  pause: ({ multiOutbox, operator }, id) => multiOutbox.tenants.pause(id, { by: operator.actor }),
  resume: ({ multiOutbox, operator }, id) => multiOutbox.tenants.resume(id, { by: operator.actor }),
};

export const tenantActRoutes: readonly Route[] = Object.entries(acts).map(([name, act]) =>
  route({
    name: `tenants.${name}`,
    method: 'POST',
    path: `/api/tenants/:tenant/${name}`,
    rights: ['act'],
    touches: 'registry',
    async handle(context, { tenant }) {
      await act(context, tenant);
      context.snapshots.forget();
      // As it is now, by the registry: a run of the tenant may have changed more.
      return json(tenantRow(await context.multiOutbox.tenants.get(tenant)));
    },
  }),
);
