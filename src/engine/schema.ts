/** One numbered step of a database's schema. A released step is never changed; new steps are added. */
export interface MigrationStep {
  /** 1, 2, 3, … without gaps. */
  readonly version: number;
  readonly name: string;
}

export interface MigrationResult {
  /** 0 when the database had no schema. */
  readonly from: number;
  readonly to: number;
  /** The steps that were applied, or with `dryRun` the steps that would be applied. */
  readonly steps: readonly MigrationStep[];
}

/** A deviation that an inspection found in a database. */
export interface SchemaFinding {
  /** A `problem` must be fixed; `advice` may be ignored. */
  readonly severity: 'problem' | 'advice';
  readonly kind: 'version' | 'drift' | 'rights' | 'setting';
  /** One line, without the database's name: what is wrong and, unless that is obvious, what to do. */
  readonly message: string;
}

export interface SchemaInspection {
  readonly version: number;
  /** How far the database's clock is ahead of this program's; negative when it is behind. */
  readonly clockAheadMs: number;
  /** The greatest error of `clockAheadMs`, in milliseconds: half of the answer's duration. */
  readonly clockErrorMs: number;
  /** Empty when no deviation was found. */
  readonly findings: readonly SchemaFinding[];
}

/**
 * The schema of one database: the registry's or a tenant's.
 *
 * One rule for all engines defines the versions that a program works with, so that either the databases or the
 * programs may be upgraded first. Steps only add: a table, an index, a column with a default, a procedure, a
 * parameter with a default. A run can therefore use every version from `oldestUsable` on, including later ones than
 * this program's. It refuses an older one with SCHEMA_OUTDATED. `oldestUsable` reaches at most one release back: it
 * is the previous release's version, or a later one. Only `migrate` refuses a database that is ahead of the program.
 */
export interface SchemaControl {
  /** This program's version. */
  readonly latest: number;
  /** The oldest version that this program's runs can use; never above `latest`. */
  readonly oldestUsable: number;
  /** The database's version; 0 when the database has no schema, or does not exist yet and can be created. */
  version(): Promise<number>;
  /**
   * Migrates the database to `latest`, and creates it if the engine can. It skips steps that were applied before;
   * several processes may migrate at once.
   * @throws SCHEMA_TOO_NEW when the database is ahead of this program
   */
  migrate(options?: { dryRun?: boolean }): Promise<MigrationResult>;
  /**
   * Compares the schema with the one that this program's steps create at the same version, and checks the rights and
   * settings that dispatching needs. It changes nothing and ignores an application's own objects.
   */
  inspect(): Promise<SchemaInspection>;
}
