/** A database's schema: reads its version, migrates it to this program's, and inspects it. */
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { MultiOutboxError } from '../../errors.ts';
import { clockDifference, versionFinding } from '../inspection.ts';
import type { MigrationResult, SchemaControl, SchemaFinding, SchemaInspection } from '../schema.ts';
import { Connection, nowSql } from './connection.ts';
import { migrateCommand, type Subject, schemaMissing, subjectName } from './errors.ts';
import type { DatabaseFile } from './file.ts';
import { statOf } from './file-identity.ts';
import type { Migration, Schema } from './migrations/migration.ts';

const createJournal = `CREATE TABLE IF NOT EXISTS SchemaJournal (
  Version INTEGER NOT NULL PRIMARY KEY,
  Name TEXT NOT NULL,
  Checksum TEXT NOT NULL,
  AppliedUtc INTEGER NOT NULL
) STRICT`;

interface JournalRow {
  readonly Version: number;
  readonly Name: string;
  readonly Checksum: string;
}

export function checksum(migration: Migration): string {
  return createHash('sha256').update(migration.sql).digest('hex');
}

function hasJournal(connection: Pick<Connection, 'all'>): boolean {
  const sql = `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'SchemaJournal'`;
  return connection.all(sql).length > 0;
}

function readJournal(connection: Pick<Connection, 'all'>): JournalRow[] {
  if (!hasJournal(connection)) return [];
  return connection.all<JournalRow>('SELECT Version, Name, Checksum FROM SchemaJournal ORDER BY Version');
}

/** The version of the last applied step; 0 without a schema. */
function readVersion(connection: Pick<Connection, 'all'>): number {
  const last = 'SELECT Version FROM SchemaJournal ORDER BY Version DESC LIMIT 1';
  try {
    return connection.all<Pick<JournalRow, 'Version'>>(last)[0]?.Version ?? 0;
  } catch (error) {
    // To ask first would cost each opening of a file a statement.
    if (!hasJournal(connection)) return 0;
    throw error;
  }
}

function latestOf(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}

function details(subject: Subject): { tenantId?: string } {
  return subject.tenantId === undefined ? {} : { tenantId: subject.tenantId };
}

function tooNew(subject: Subject, version: number, latest: number): MultiOutboxError {
  return new MultiOutboxError(
    'SCHEMA_TOO_NEW',
    `${subjectName(subject)}: the schema is at version ${version}, but this program knows only ${latest}; update the program`,
    details(subject),
  );
}

/**
 * Checks that a run can use the schema. Its version may be this program's, a later one, or an older one down to
 * `oldestUsable`.
 * @throws SCHEMA_MISSING, SCHEMA_OUTDATED
 */
export function verifySchema(
  connection: Pick<Connection, 'all'>,
  { oldestUsable }: Schema,
  subject: Subject,
): void {
  const version = readVersion(connection);
  if (version === 0) throw schemaMissing(subject);
  if (version < oldestUsable) {
    throw new MultiOutboxError(
      'SCHEMA_OUTDATED',
      `${subjectName(subject)}: the schema is at version ${version}, but this program needs ${oldestUsable} or later; run '${migrateCommand(subject)}'`,
      details(subject),
    );
  }
}

/** Checks that the applied steps are this program's, and returns the steps that are still to apply. */
function pendingSteps(
  journal: JournalRow[],
  migrations: readonly Migration[],
  subject: Subject,
): Migration[] {
  const version = journal.at(-1)?.Version ?? 0;
  if (version > latestOf(migrations)) throw tooNew(subject, version, latestOf(migrations));
  for (const row of journal) {
    const migration = migrations.find((step) => step.version === row.Version);
    if (migration === undefined || checksum(migration) !== row.Checksum) {
      throw new MultiOutboxError(
        'SCHEMA_CHANGED',
        `${subjectName(subject)}: step ${row.Version} ('${row.Name}') differs from this program's step of that number; use the program version that applied it`,
        details(subject),
      );
    }
  }
  return migrations.filter((step) => step.version > version);
}

function apply(connection: Connection, migrations: readonly Migration[], subject: Subject): MigrationResult {
  const journal = readJournal(connection);
  const steps = pendingSteps(journal, migrations, subject);
  for (const step of steps) {
    connection.database.exec(createJournal);
    connection.database.exec(step.sql);
    connection.run(
      `INSERT INTO SchemaJournal (Version, Name, Checksum, AppliedUtc) VALUES (?, ?, ?, ${nowSql})`,
      step.version,
      step.name,
      checksum(step),
    );
  }
  return result(journal, steps, migrations);
}

function result(
  journal: JournalRow[],
  steps: Migration[],
  migrations: readonly Migration[],
): MigrationResult {
  return {
    from: journal.at(-1)?.Version ?? 0,
    to: latestOf(migrations),
    steps: steps.map(({ version, name }) => ({ version, name })),
  };
}

/** Migrates a connection's database to the latest version, all steps or none; a second process waits for the first. */
export function applyMigrations(
  connection: Connection,
  migrations: readonly Migration[],
  subject: Subject,
): MigrationResult {
  connection.useWal();
  return connection.transaction('write', () => apply(connection, migrations, subject));
}

function severalNames(links: bigint): SchemaFinding {
  const message = `the file has ${links} names (hard links); SQLite damages a database that programs open by different names, so remove all names but one`;
  return { severity: 'advice', kind: 'setting', message };
}

const objects = `SELECT type || ' ' || name AS Name, sql AS Sql FROM sqlite_schema WHERE sql IS NOT NULL`;

/**
 * Compares the database's objects with those of a new database to which the same steps are applied, and
 * returns the differences.
 */
function drift(connection: Connection, steps: readonly Migration[]): SchemaFinding[] {
  const fresh = new DatabaseSync(':memory:');
  try {
    if (steps.length > 0) fresh.exec(createJournal);
    for (const step of steps) fresh.exec(step.sql);
    const found = new Map(
      connection.all<{ Name: string; Sql: string }>(objects).map(({ Name, Sql }) => [Name, Sql]),
    );
    return new Connection(fresh).all<{ Name: string; Sql: string }>(objects).flatMap(({ Name, Sql }) => {
      if (found.get(Name) === Sql) return [];
      return [
        { severity: 'problem', kind: 'drift', message: driftMessage(Name, Sql, found.has(Name)) } as const,
      ];
    });
  } finally {
    fresh.close();
  }
}

/** @param sql creates the object as it should be */
function driftMessage(name: string, sql: string, exists: boolean): string {
  const statement = sql.replace(/\s+/g, ' ');
  if (name.startsWith('table ')) {
    return exists
      ? `the ${name} was changed by hand; undo the change, or restore the file from a backup`
      : `the ${name} is missing; restore the file from a backup`;
  }
  return exists
    ? `the ${name} was changed by hand; drop it, and create it again: ${statement}`
    : `the ${name} is missing; create it again: ${statement}`;
}

/**
 * The part of a `DatabaseHandle` that SqliteSchema needs. A separate interface, because `DatabaseHandle` imports this
 * file.
 */
interface SchemaAccess {
  readonly file: DatabaseFile;
  readonly subject: Subject;
  readonly schema: Schema;
  attempt<T>(action: () => T): Promise<T>;
}

export class SqliteSchema implements SchemaControl {
  readonly latest: number;
  readonly oldestUsable: number;
  readonly #handle: SchemaAccess;

  constructor(handle: SchemaAccess) {
    this.#handle = handle;
    this.latest = latestOf(handle.schema.migrations);
    this.oldestUsable = handle.schema.oldestUsable;
  }

  version(): Promise<number> {
    return this.#handle.attempt(() => this.#existingJournal().at(-1)?.Version ?? 0);
  }

  migrate(options: { dryRun?: boolean } = {}): Promise<MigrationResult> {
    const { file, subject } = this.#handle;
    const { migrations } = this.#handle.schema;
    return this.#handle.attempt(() => {
      if (options.dryRun === true) {
        const journal = this.#existingJournal();
        return result(journal, pendingSteps(journal, migrations, subject), migrations);
      }
      return applyMigrations(file.connect({ create: true }), migrations, subject);
    });
  }

  inspect(): Promise<SchemaInspection> {
    const { file } = this.#handle;
    const { migrations } = this.#handle.schema;
    return this.#handle.attempt(() => {
      const connection = file.connect();
      const startedAt = Date.now();
      const now = connection.now();
      const answeredAt = Date.now();
      const journal = readJournal(connection);
      const version = journal.at(-1)?.Version ?? 0;
      const findings = [versionFinding(version, this)].filter((finding) => finding !== null);
      if (version <= this.latest) findings.push(...drift(connection, migrations.slice(0, version)));
      if (file.access() === 'read-only') {
        const message = 'this program may not write the file or its folder; give it that right';
        findings.push({ severity: 'problem', kind: 'rights', message });
      }
      const stats = file.inMemory ? undefined : statOf(file.path);
      if (stats !== undefined && stats.nlink > 1n) findings.push(severalNames(stats.nlink));
      return { version, ...clockDifference(now, startedAt, answeredAt), findings };
    });
  }

  #existingJournal(): JournalRow[] {
    const { file } = this.#handle;
    return file.access() === 'missing' ? [] : readJournal(file.connect());
  }
}
