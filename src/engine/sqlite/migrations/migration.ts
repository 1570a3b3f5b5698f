import type { MigrationStep } from '../../schema.ts';

/** One numbered step. */
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
