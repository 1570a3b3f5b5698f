/**
 * Reads a database's schema version and migrates the database to this program's version. Each step and its journal row
 * are one transaction under the database's migration lock: a step is applied completely or not at all, and only one of
 * several migrating programs applies it.
 *
 * Only a migration refuses a database that is newer than the program; dispatch does not (the rule: engine/schema.ts).
 */
import type * as mssql from 'mssql';
import { clockDifference, versionFinding } from '../inspection.ts';
import type { MigrationResult, SchemaControl, SchemaInspection } from '../schema.ts';
import type { Database } from './database.ts';
import type { Driver } from './driver.ts';
import { failure, type Subject } from './errors.ts';
import { readCatalog } from './inspection/catalog.ts';
import { compare } from './inspection/compare.ts';
import { manifestOf } from './inspection/manifest.ts';
import { readServerFacts, unmetRequirement } from './inspection/requirements.ts';
import { type JournalRow, readJournal } from './journal.ts';
import { splitBatches } from './migrations/script.ts';
import { type DatabaseKind, type Migration, migrationsOf, oldestUsable } from './migrations/steps.ts';

/** How long one program waits for another program's step. */
const lockTimeoutMs = 120_000;

/**
 * How long a statement of a step waits for locks of applications. Later calls wait behind it, so it gives up soon
 * (1222); the step is then rolled back and can be run again.
 */
const statementLockTimeoutMs = 10_000;

/** The longest that a request of a migration may take, because it waits for other programs and builds indexes. */
const requestTimeoutMs = 600_000;

/** Checks that the applied steps are this program's, and returns the steps that are still to apply. */
export function pendingSteps(
  journal: readonly JournalRow[],
  migrations: readonly Migration[],
  subject: Subject,
): readonly Migration[] {
  const version = journal.at(-1)?.Version ?? 0;
  if (version > migrations.length) {
    throw failure(
      'SCHEMA_TOO_NEW',
      subject,
      `the schema is at version ${version}, but this program knows only ${migrations.length}; update the program`,
    );
  }
  for (const row of journal) {
    if (migrations[row.Version - 1]?.checksum !== row.Checksum) {
      throw failure(
        'SCHEMA_CHANGED',
        subject,
        `step ${row.Version} ('${row.Name}') differs from this program's step of that number; use the program version that applied it`,
      );
    }
  }
  return migrations.slice(version);
}

export class SqlServerSchema implements SchemaControl {
  readonly #database: Database;
  readonly #kind: DatabaseKind;

  constructor(database: Database, kind: DatabaseKind) {
    this.#database = database;
    this.#kind = kind;
  }

  get latest(): number {
    return migrationsOf(this.#kind).length;
  }

  get oldestUsable(): number {
    return oldestUsable[this.#kind];
  }

  async version(): Promise<number> {
    return (await this.#journal()).at(-1)?.Version ?? 0;
  }

  async migrate(options: { dryRun?: boolean } = {}): Promise<MigrationResult> {
    const migrations = migrationsOf(this.#kind);
    const journal = await this.#journal();
    const pending = pendingSteps(journal, migrations, this.#database.subject);
    if (pending.length > 0) await this.#assertSupported();
    const applied: Migration[] = [];
    let from = journal.at(-1)?.Version ?? 0;
    if (options.dryRun === true) applied.push(...pending);
    else {
      for (const step of pending) if (await this.#apply(step, migrations)) applied.push(step);
      // Another program may have applied the first pending steps meanwhile.
      from = (applied[0]?.version ?? migrations.length + 1) - 1;
    }
    return { from, to: migrations.length, steps: applied.map(({ version, name }) => ({ version, name })) };
  }

  async inspect(): Promise<SchemaInspection> {
    const { target } = this.#database;
    const migrations = migrationsOf(this.#kind);
    const journal = await this.#journal();
    const version = journal.at(-1)?.Version ?? 0;
    const manifest = manifestOf(migrations.slice(0, version), target.schema);
    const { catalog, clock } = await this.#database.connected(async ({ driver, pool }) => {
      const startedAt = Date.now();
      const asked = await new driver.Request(pool).query('SELECT SYSUTCDATETIME() AS Now');
      const now = (asked.recordset[0]!.Now as Date).getTime();
      return {
        clock: clockDifference(now, startedAt, Date.now()),
        catalog: await readCatalog(new driver.Request(pool), target.schema, [...manifest.dispatched]),
      };
    });
    const findings = [versionFinding(version, this)].filter((finding) => finding !== null);
    for (const row of journal) {
      const step = migrations[row.Version - 1];
      if (step !== undefined && step.checksum !== row.Checksum) {
        findings.push({
          severity: 'problem',
          kind: 'version',
          message: `step ${row.Version} ('${row.Name}') differs from this program's step of that number; use the program version that applied it`,
        });
      }
    }
    // This program does not know what the steps of a newer program have created.
    if (version > 0 && version <= migrations.length) findings.push(...compare(manifest, catalog));
    return { version, ...clock, findings };
  }

  /** Refuses an unsupported server or database before the first script fails with a syntax error. */
  async #assertSupported(): Promise<void> {
    const facts = await this.#database.connected(({ driver, pool }) =>
      readServerFacts(new driver.Request(pool)),
    );
    const unmet = unmetRequirement(facts);
    if (unmet !== null) throw failure('DATABASE_UNSUPPORTED', this.#database.subject, unmet);
  }

  #journal(): Promise<JournalRow[]> {
    return this.#database.connected(async ({ driver, pool }) =>
      readJournal(new driver.Request(pool), this.#database.target.schema),
    );
  }

  /** Returns false when another program has already applied the step. */
  #apply(step: Migration, migrations: readonly Migration[]): Promise<boolean> {
    const { target, subject } = this.#database;
    return this.#database.connected(async ({ driver, pool }) => {
      const transaction = new driver.Transaction(pool);
      await transaction.begin(driver.ISOLATION_LEVEL.READ_COMMITTED);
      try {
        await lock(driver, transaction, target.schema, subject);
        const journal = await readJournal(new driver.Request(transaction), target.schema);
        const isNext = pendingSteps(journal, migrations, subject)[0]?.version === step.version;
        if (isNext) await run(driver, transaction, step, target.schema);
        await transaction.commit();
        return isNext;
      } catch (error) {
        await transaction.rollback().catch(() => {});
        throw error;
      }
    });
  }
}

async function lock(
  driver: Driver,
  transaction: mssql.Transaction,
  schema: string,
  subject: Subject,
): Promise<void> {
  // Some servers share application locks between databases, so the lock's name contains the database's.
  const result = await longRequest(driver, transaction).query(`
    DECLARE @Resource nvarchar(255) = LEFT(N'multi-outbox ${schema} ' + DB_NAME(), 255), @Result int;
    EXEC @Result = sp_getapplock @Resource = @Resource, @LockMode = 'Exclusive', @LockOwner = 'Transaction',
      @LockTimeout = ${lockTimeoutMs};
    SELECT @Result AS Result;`);
  if ((result.recordset[0]?.Result ?? -1) < 0) {
    throw failure(
      'DATABASE_LOCKED',
      subject,
      'another program is migrating this database; try again when it is done',
    );
  }
}

async function run(
  driver: Driver,
  transaction: mssql.Transaction,
  step: Migration,
  schema: string,
): Promise<void> {
  const script = step.text.replaceAll('$(Schema)', schema);
  await setLockTimeout(driver, transaction, statementLockTimeoutMs);
  try {
    for (const batch of splitBatches(script)) await longRequest(driver, transaction).batch(batch);
  } finally {
    // Reset the setting; otherwise the connection would keep it when it returns to its pool.
    await setLockTimeout(driver, transaction, -1).catch(() => {});
  }
  await new driver.Request(transaction).query(`
    INSERT [${schema}].[SchemaJournal] (Version, Name, Checksum, AppliedUtc)
    VALUES (${step.version}, N'${step.name}', N'${step.checksum}', SYSUTCDATETIME())`);
}

async function setLockTimeout(driver: Driver, transaction: mssql.Transaction, timeoutMs: number) {
  await new driver.Request(transaction).batch(`SET LOCK_TIMEOUT ${timeoutMs}`);
}

function longRequest(driver: Driver, transaction: mssql.Transaction): mssql.Request {
  // The driver takes a second argument that its types lack.
  const Request = driver.Request as unknown as new (
    transaction: mssql.Transaction,
    overrides: { readonly requestTimeout: number },
  ) => mssql.Request;
  return new Request(transaction, { requestTimeout: requestTimeoutMs });
}
