/** Registers the demo's tenants, creates and fills their databases, and ruins one of them. */
import { isMultiOutboxError, type MultiOutbox, type RunCounts, type TenantRecord } from 'multi-outbox';
import { type Customer, customers, demoTag } from './customers.ts';
import type { DemoDatabases } from './databases.ts';
import { DemoFailed } from './failed.ts';

/**
 * Totals before the demo, by customer. A registry named with --registry may hold totals of an earlier demo, which do
 * not count.
 */
export type Baseline = ReadonlyMap<string, RunCounts>;

export async function createFleet(multiOutbox: MultiOutbox, databases: DemoDatabases): Promise<Baseline> {
  const [migration] = await multiOutbox.migrate({ tenants: [] });
  if (migration?.error) throw new DemoFailed(`The demo's registry is not ready: ${migration.error.message}`);
  await refuseForeignTenants(multiOutbox);
  const baseline = new Map<string, RunCounts>();
  for (const customer of customers) {
    const { id, schedule } = await register(multiOutbox, customer, databases);
    baseline.set(id, schedule.totals);
  }
  const migrations = await multiOutbox.migrate({ tenants: customers.map(({ id }) => id) });
  for (const { tenantId, error } of migrations) {
    if (error)
      throw new DemoFailed(`The database of the demo's customer ${tenantId} is not ready: ${error.message}`);
  }
  for (const { id, messages } of customers) await multiOutbox.outbox(id).enqueue(messages);
  return baseline;
}

/** Other tenants are refused, because the demo's hosts would dispatch them with the demo's handlers. */
async function refuseForeignTenants(multiOutbox: MultiOutbox): Promise<void> {
  const own = new Set(customers.map(({ id }) => id));
  const [key, value] = Object.entries(demoTag)[0]!;
  const tenants = await multiOutbox.tenants.list({ limit: own.size + 1 });
  const foreign = tenants.find(({ id, tags }) => !own.has(id) || tags[key] !== value);
  if (foreign === undefined) return;
  throw new DemoFailed(
    `The registry holds tenant '${foreign.id}', which is not the demo's; give the demo a registry of its own, or no --registry.`,
  );
}

async function register(
  multiOutbox: MultiOutbox,
  { id, overrides }: Customer,
  databases: DemoDatabases,
): Promise<TenantRecord> {
  const tenant = {
    id,
    ...databases.tenant(id),
    tags: demoTag,
    ...(overrides !== undefined && { overrides }),
  };
  try {
    return await multiOutbox.tenants.add(tenant);
  } catch (error) {
    if (!isMultiOutboxError(error, 'TENANT_EXISTS')) throw error;
    await multiOutbox.tenants.resume(id);
    return multiOutbox.tenants.change(tenant);
  }
}
