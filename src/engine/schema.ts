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

/** The schema of one database: the registry's or a tenant's. */
export interface SchemaControl {
  /** The version this program brings. */
  readonly latest: number;
  /** The database's version; 0 when it has no schema, or does not exist yet where it can be created. */
  version(): Promise<number>;
  /**
   * Brings the database to `latest`, creating it where the engine can. Steps already applied are left alone;
   * several processes may migrate at once.
   * @throws SCHEMA_TOO_NEW when the database is ahead of this program
   */
  migrate(options?: { dryRun?: boolean }): Promise<MigrationResult>;
}
