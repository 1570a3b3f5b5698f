import type { Engine } from '../../engine/engine.ts';
import type { Registry, TenantRecord } from '../../engine/registry.ts';
import type { MigrationResult } from '../../engine/schema.ts';
import { describeError } from '../../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { assertReadable } from '../tenants/tenant-errors.ts';
import { selectTenants } from './select-tenants.ts';

/** The outcome for one database: a migration result, an error, or neither when the database was skipped. */
export interface TenantMigration {
  /** Null for the registry itself. */
  readonly tenantId: string | null;
  readonly result?: MigrationResult;
  readonly error?: { readonly code: string; readonly message: string };
  /** The schema version of the database afterwards; null when it is not known. */
  readonly version: number | null;
}

export interface MigrateOptions {
  /** Default: all active and paused tenants; [] for only the registry. */
  readonly tenants?: readonly string[];
  /** True: nothing is changed, and the result has the steps that would be applied. Default: false. */
  readonly dryRun?: boolean;
  /** True: skips the tenants that are at this program's version according to the registry. Default: false. */
  readonly resume?: boolean;
  /** How many tenants are migrated at once, 1 to 1,000; default 4. */
  readonly parallel?: number;
  /** Called after each database, the registry first; an error of it is logged. */
  readonly onTenant?: (migration: TenantMigration, done: number, of: number) => void;
}

/**
 * Migrates the registry, then the tenants, to this program's schema. If the registry fails, no tenant is migrated,
 * because the registry lists them; one tenant's failure does not stop the others. The results have the order of the
 * tenants.
 * @param listTenants adds the tenants of a user's directory to the registry
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
    // A tenant that failed or was skipped keeps the version that the registry knows.
    if (!dryRun && migration.version !== tenant.schemaVersion) {
      // If this note is not written, the next --resume only checks this tenant once more.
      await registry.recordSchema(tenant.id, migration.version!).catch(() => {});
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
    assertReadable(tenant);
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
