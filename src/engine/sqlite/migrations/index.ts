/**
 * The numbered steps of each kind of database. A step that was released is never changed, not by a letter: its
 * checksum is kept in every database it was applied to.
 */
import type { Migration, Schema } from './migration.ts';
import { registry0001 } from './registry-0001.ts';
import { tenant0001 } from './tenant-0001.ts';

export const tenantMigrations: readonly Migration[] = [tenant0001];
export const registryMigrations: readonly Migration[] = [registry0001];

export const tenantSchema: Schema = { migrations: tenantMigrations, oldestUsable: 1 };
export const registrySchema: Schema = { migrations: registryMigrations, oldestUsable: 1 };
