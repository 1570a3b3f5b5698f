/**
 * The numbered steps of each kind of database. A step that was released is never changed, not by a letter: its
 * checksum is kept in every database it was applied to.
 */
import type { MigrationStep } from '../../schema.ts';
import { registry0001 } from './registry-0001.ts';
import { tenant0001 } from './tenant-0001.ts';

export interface Migration extends MigrationStep {
  readonly sql: string;
}

/**
 * What each kind of database is made by, and the oldest version that runs work with (the rule: engine/schema.ts). A
 * new step leaves `oldestUsable` alone; the release after it may raise it to that step.
 */
export interface Schema {
  readonly migrations: readonly Migration[];
  readonly oldestUsable: number;
}

export const tenantMigrations: readonly Migration[] = [tenant0001];
export const registryMigrations: readonly Migration[] = [registry0001];

export const tenantSchema: Schema = { migrations: tenantMigrations, oldestUsable: 1 };
export const registrySchema: Schema = { migrations: registryMigrations, oldestUsable: 1 };
