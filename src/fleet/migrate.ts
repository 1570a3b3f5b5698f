import type { Engine } from '../engine/engine.ts';
import type { Registry, TenantRecord } from '../engine/registry.ts';
import type { MigrationResult } from '../engine/schema.ts';
import { describeError } from '../queue/report.ts';
import { unknownTenant } from './directory.ts';

/** What migrating one database came to. */
export interface TenantMigration {
  /** Null for the registry itself. */
  readonly tenantId: string | null;
  readonly result?: MigrationResult;
  readonly error?: { readonly code: string; readonly message: string };
}

export interface MigrateOptions {
  /** All active and paused tenants by default; [] for the registry alone. */
  readonly tenants?: readonly string[];
  readonly dryRun?: boolean;
  readonly onTenant?: (migration: TenantMigration, done: number, of: number) => void;
}

/**
 * Brings the registry, then tenants, to this program's schema. The registry's failure ends it, since the tenants are
 * listed there; one tenant's failure does not stop the others.
 */
export async function migrateFleet(
  engine: Engine,
  registry: Registry,
  { tenants: ids, dryRun = false, onTenant = () => {} }: MigrateOptions,
): Promise<TenantMigration[]> {
  const results: TenantMigration[] = [await attempt(null, () => registry.schema.migrate({ dryRun }))];
  const [ofRegistry] = results;
  const readable = !ofRegistry!.error && (!dryRun || ofRegistry!.result?.from === ofRegistry!.result?.to);
  const tenants = readable ? await selected(registry, ids) : [];
  onTenant(ofRegistry!, 1, tenants.length + 1);
  for (const tenant of tenants) {
    results.push(await attempt(tenant.id, () => migrateTenant(engine, tenant, dryRun)));
    onTenant(results.at(-1)!, results.length, tenants.length + 1);
  }
  return results;
}

async function migrateTenant(
  engine: Engine,
  tenant: TenantRecord,
  dryRun: boolean,
): Promise<MigrationResult> {
  const database = engine.openTenant(tenant);
  try {
    return await database.schema.migrate({ dryRun });
  } finally {
    await database.close();
  }
}

async function selected(registry: Registry, ids: readonly string[] | undefined): Promise<TenantRecord[]> {
  if (ids === undefined) return (await registry.list()).filter(({ status }) => status !== 'retired');
  return Promise.all(
    ids.map(async (id) => {
      const tenant = await registry.get(id);
      if (tenant === null) throw unknownTenant(id);
      return tenant;
    }),
  );
}

async function attempt(
  tenantId: string | null,
  migrate: () => Promise<MigrationResult>,
): Promise<TenantMigration> {
  try {
    return { tenantId, result: await migrate() };
  } catch (error) {
    return { tenantId, error: describeError(error) };
  }
}
