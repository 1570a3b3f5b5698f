import * as v from 'valibot';
import type { TenantRecord } from '../../engine/registry.ts';
import { definitionOf, type TenantInput } from '../../fleet/tenants/definition.ts';
import { json, Refusal } from '../answer.ts';
import { overrideParameters } from '../parameters.ts';
import { type Route, route } from '../route.ts';
import { tenantRow } from '../tenants/tenant-row.ts';

/** Acts that need no database of the tenant's. */
const simpleActs = (['wake', 'pause', 'resume'] as const).map((name) =>
  route({
    name: `tenants.${name}`,
    method: 'POST',
    path: `/api/tenants/:tenant/${name}`,
    rights: ['act'],
    touches: 'registry',
    async handle(context, { tenant }) {
      const { tenants } = context.multiOutbox;
      await tenants[name](tenant, { by: context.operator.actor });
      // As it is now, by the registry: a run of the tenant may have changed more.
      const row = tenantRow(await tenants.get(tenant));
      context.snapshots.changed([row]);
      return json(row, await context.snapshots.now());
    },
  }),
);

export const tenantActRoutes: readonly Route[] = [
  ...simpleActs,
  route({
    name: 'tenants.change',
    method: 'POST',
    path: '/api/tenants/:tenant/overrides',
    rights: ['configure'],
    touches: 'registry',
    parameters: v.strictObject({
      overrides: v.strictObject(overrideParameters),
      /** The `version` of the tenant that the operator has seen. */
      version: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    }),
    async handle({ multiOutbox, snapshots, operator }, { tenant: id, overrides: given, version }) {
      const record = await multiOutbox.tenants.get(id);
      if (record.unreadable !== undefined && record.unreadable.definition.length > 0)
        throw new Refusal(
          422,
          'INVALID_TENANT',
          'Its definition in the registry cannot be read; correct that first.',
        );
      const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
      const tenant: TenantInput = { ...definitionOf(record), overrides: chosen };
      // A change replaces the whole definition, so it is refused when anything of it has changed since the page has shown it.
      const changed = await multiOutbox.tenants.change(tenant, {
        by: operator.actor,
        expectedVersion: version,
      });
      snapshots.changed([tenantRow(changed)]);
      return json({ version: changed.version, overrides: changed.overrides } satisfies ChangedTenant);
    },
  }),
];

export type ChangedTenant = Pick<TenantRecord, 'version' | 'overrides'>;
