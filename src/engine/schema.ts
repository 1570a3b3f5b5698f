/** One numbered step of a database's schema. Steps are never changed once released, only added. */
export interface MigrationStep {
  /** 1, 2, 3, … without gaps. */
  readonly version: number;
  readonly name: string;
}

export interface MigrationResult {
  /** 0 when the database had no schema. */
  readonly from: number;
  readonly to: number;
  /** The steps applied, or with `dryRun` those that would be. */
  readonly steps: readonly MigrationStep[];
}

/** Something about a database that is not as it should be. */
export interface SchemaFinding {
  /** A `problem` wants mending; `advice` may be left alone. */
  readonly severity: 'problem' | 'advice';
  readonly kind: 'version' | 'drift' | 'rights' | 'setting';
  /** One line, without the database's name: what is wrong, and what to do where that is not plain. */
  readonly message: string;
}

export interface SchemaInspection {
  readonly version: number;
  /** How far the database's clock is ahead of this program's; negative when it is behind. */
  readonly clockAheadMs: number;
  /** The true difference is at most this far from `clockAheadMs`: half of what the answer took. */
  readonly clockErrorMs: number;
  /** Empty when all is well. */
  readonly findings: readonly SchemaFinding[];
}

/**
 * The schema of one database: the registry's or a tenant's.
 *
 * Which versions a program works with is one rule for all engines, so that either may be upgraded first, databases or
 * programs. Steps only add: a table, an index, a column with a default, a procedure, a parameter with a default. Runs
 * therefore work with every version from `oldestUsable` upward, later ones included, and refuse what is below it with
 * SCHEMA_OUTDATED. `oldestUsable` is at most one release back: it is the version that the release before brought, or a
 * later one. Migrating alone refuses a database that is ahead of the program.
 */
export interface SchemaControl {
  /** The version this program brings. */
  readonly latest: number;
  /** The oldest version that this program's runs work with; never above `latest`. */
  readonly oldestUsable: number;
  /** The database's version; 0 when it has no schema, or does not exist yet where it can be created. */
  version(): Promise<number>;
  /**
   * Brings the database to `latest`, creating it where the engine can. Steps already applied are left alone;
   * several processes may migrate at once.
   * @throws SCHEMA_TOO_NEW when the database is ahead of this program
   */
  migrate(options?: { dryRun?: boolean }): Promise<MigrationResult>;
  /**
   * Compares the database with what this program's steps make of one at its version, and looks at the rights and
   * settings that dispatching needs. Changes nothing; an application's own objects are no business of it.
   */
  inspect(): Promise<SchemaInspection>;
}
