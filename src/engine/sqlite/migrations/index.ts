/**
 * The numbered steps of each kind of database. The text of a released step must not change at all, because
 * every database to which it was applied stores its checksum.
 */
import type { Migration, Schema } from './migration.ts';
import { registry0001 } from './registry-0001.ts';
import { tenant0001 } from './tenant-0001.ts';

export const tenantMigrations: readonly Migration[] = [tenant0001];
export const registryMigrations: readonly Migration[] = [registry0001];

export const tenantSchema: Schema = { migrations: tenantMigrations, oldestUsable: 1 };
export const registrySchema: Schema = { migrations: registryMigrations, oldestUsable: 1 };
