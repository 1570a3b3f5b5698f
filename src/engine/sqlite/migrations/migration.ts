import type { MigrationStep } from '../../schema.ts';

/** One numbered step of a schema. */
export interface Migration extends MigrationStep {
  readonly sql: string;
}

/**
 * The steps of one kind of database, and the oldest version that a run can use (engine/schema.ts states the rule).
 * Adding a step does not change `oldestUsable`; the next release may raise it to that step.
 */
export interface Schema {
  readonly migrations: readonly Migration[];
  readonly oldestUsable: number;
}
