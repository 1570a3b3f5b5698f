import type { Engine } from '../../engine/engine.ts';
import type { Registry, TenantRecord } from '../../engine/registry.ts';
import type { MigrationResult } from '../../engine/schema.ts';
import { describeError } from '../../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { selectTenants } from './select-tenants.ts';

/** What migrating one database came to: a result, an error, or neither, when it was left alone. */
export interface TenantMigration {
  /** Null for the registry itself. */
  readonly tenantId: string | null;
  readonly result?: MigrationResult;
  readonly error?: { readonly code: string; readonly message: string };
  /** The schema version that the database is known to have afterwards; null when that is not known. */
  readonly version: number | null;
}

export interface MigrateOptions {
  /** All active and paused tenants by default; [] for the registry alone. */
  readonly tenants?: readonly string[];
  readonly dryRun?: boolean;
  /** Leaves alone the tenants that the registry knows to be at this program's version already. */
  readonly resume?: boolean;
  /** Tenants worked on at once; 4 when absent. */
  readonly parallel?: number;
  readonly onTenant?: (migration: TenantMigration, done: number, of: number) => void;
}

/**
 * Brings the registry, then tenants, to this program's schema. The registry's failure ends it, since the tenants are
 * listed there; one tenant's failure does not stop the others. Results come in the order of the tenants.
 * @param listTenants brings tenants that are listed elsewhere into the registry
 */
export async function migrateFleet(
  engine: Engine,
  registry: Registry,
  { tenants: ids, dryRun = false, resume = false, parallel = 4, onTenant = () => {} }: MigrateOptions,
  listTenants: () => Promise<void> = async () => {},
): Promise<TenantMigration[]> {
  const ofRegistry = await attempt(null, null, dryRun, () => registry.schema.migrate({ dryRun }));
  const readable = !ofRegistry.error && (!dryRun || ofRegistry.result?.from === ofRegistry.result?.to);
  if (readable && !dryRun) await listTenants();
  const tenants = readable ? await selectTenants(registry, ids) : [];
  const of = tenants.length + 1;
  let done = 1;
  onTenant(ofRegistry, done, of);
  const results = await inParallel(tenants, parallel, async (tenant) => {
    const migration = await migrateTenant(engine, tenant, { dryRun, resume });
    if (!dryRun && migration.result !== undefined && migration.version !== tenant.schemaVersion) {
      // A note that is not written costs a second look at the next --resume, nothing else.
      await registry.recordSchema(tenant.id, migration.result.to).catch(() => {});
    }
    onTenant(migration, ++done, of);
    return migration;
  });
  return [ofRegistry, ...results];
}

async function migrateTenant(
  engine: Engine,
  tenant: TenantRecord,
  { dryRun, resume }: { dryRun: boolean; resume: boolean },
): Promise<TenantMigration> {
  return attempt(tenant.id, tenant.schemaVersion, dryRun, async () => {
    const database = engine.openTenant(tenant);
    try {
      const known = resume && tenant.schemaVersion === database.schema.latest;
      return known ? undefined : await database.schema.migrate({ dryRun });
    } finally {
      await database.close();
    }
  });
}

async function attempt(
  tenantId: string | null,
  known: number | null,
  dryRun: boolean,
  migrate: () => Promise<MigrationResult | undefined>,
): Promise<TenantMigration> {
  try {
    const result = await migrate();
    if (result === undefined) return { tenantId, version: known };
    return { tenantId, result, version: dryRun ? result.from : result.to };
  } catch (error) {
    return { tenantId, error: describeError(error), version: known };
  }
}
