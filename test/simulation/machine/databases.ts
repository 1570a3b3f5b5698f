/**
 * The real SQLite of the simulated processes, on files of a folder in memory. Each file has a clock of its own, may become
 * full, and can be put back to an earlier state. A connection belongs to the process that opened it.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { type Random, randomBytes } from './randomness.ts';
import { type ConnectionListener, DatabaseSync, RealDatabase } from './sqlite.ts';

/** Files in memory where the system has them: the simulator's histories need not survive anything. */
const memoryFolder = '/dev/shm';

/** The clock of one database, against the virtual clock. */
export interface DatabaseClock {
  /** Milliseconds by which it is ahead of the virtual clock. */
  offsetMs: number;
  /** The sum of all steps forward, in milliseconds. */
  forwardMs: number;
  steps: number;
}

interface Inspector {
  readonly connection: InstanceType<typeof RealDatabase>;
  readonly statements: Map<string, StatementSync>;
}

export interface DatabasesOptions {
  readonly random: Random;
  /** Milliseconds since 1970. */
  readonly utc: () => number;
}

export class Databases implements ConnectionListener {
  readonly folder: string;
  readonly #options: DatabasesOptions;
  readonly #clocks = new Map<string, DatabaseClock>();
  readonly #full = new Set<string>();
  readonly #open = new Set<DatabaseSync>();
  readonly #inspectors = new Map<string, Inspector>();
  #copies = 0;

  /** All connections are its own until `close`. */
  constructor(options: DatabasesOptions) {
    this.#options = options;
    const parent = existsSync(memoryFolder) ? memoryFolder : tmpdir();
    this.folder = mkdtempSync(path.join(parent, 'multi-outbox-simulation-'));
    DatabaseSync.listener = this;
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** A connection of a process's own, as an application opens it. */
  connect(file: string): DatabaseSync {
    return new DatabaseSync(file);
  }

  /** Reads what is committed, on a connection of the simulator's own. */
  rows<Row>(file: string, sql: string, ...values: SQLInputValue[]): Row[] {
    const { connection, statements } = this.#inspector(file);
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = connection.prepare(sql);
      statements.set(sql, statement);
    }
    return statement.all(...values) as Row[];
  }

  clock(file: string): DatabaseClock {
    let clock = this.#clocks.get(file);
    if (clock === undefined) {
      clock = { offsetMs: 0, forwardMs: 0, steps: 0 };
      this.#clocks.set(file, clock);
    }
    return clock;
  }

  /** The database's time, milliseconds since 1970. */
  now(file: string): number {
    return this.#options.utc() + this.clock(file).offsetMs;
  }

  stepClock(file: string, ms: number): void {
    const clock = this.clock(file);
    clock.offsetMs += ms;
    clock.forwardMs += Math.max(0, ms);
    clock.steps++;
  }

  /** While a file is full, it cannot grow. */
  setFull(file: string, isFull: boolean): void {
    if (isFull) this.#full.add(file);
    else this.#full.delete(file);
    for (const connection of this.#open) {
      if (connection.file === file) this.#limit(connection);
    }
  }

  /** Copies the file's committed state. */
  backUp(file: string): string {
    const copy = this.file(`backup-${++this.#copies}.db`);
    this.#inspector(file).connection.prepare('VACUUM INTO ?').run(copy);
    return copy;
  }

  /** Replaces the file under the processes that have it open, as docs/operations.md describes it. */
  restore(file: string, copy: string): void {
    copyFileSync(copy, `${file}.restored`);
    this.#setAside(file);
    renameSync(`${file}.restored`, file);
  }

  /** Puts the committed state in another place. Processes that have the old file open keep it, but its path is gone. */
  move(file: string, to: string): void {
    this.#inspector(file).connection.prepare('VACUUM INTO ?').run(to);
    this.#setAside(file);
    this.#clocks.set(to, this.clock(file));
    if (this.#full.delete(file)) this.#full.add(to);
  }

  copyTo(from: string, file: string): void {
    mkdirSync(path.dirname(file), { recursive: true });
    copyFileSync(from, file);
  }

  close(): void {
    for (const { connection } of this.#inspectors.values()) connection.close();
    for (const connection of [...this.#open]) connection.abandon();
    DatabaseSync.listener = undefined;
    rmSync(this.folder, { recursive: true, force: true });
  }

  opened(connection: DatabaseSync): void {
    const { random } = this.#options;
    this.#open.add(connection);
    // Constant within one statement, as SQLite's own is, so it is called once and not for every row. The added half
    // millisecond is lost again when the seconds are converted to milliseconds.
    const seconds = (_subsec: unknown) => (this.now(connection.file) + 0.5) / 1_000;
    connection.function('unixepoch', { deterministic: true }, seconds);
    connection.function('random', () => random.between(0, 2 ** 31));
    connection.function('randomblob', (length: unknown) =>
      randomBytes(random, new Uint8Array(Number(length))),
    );
    if (this.#full.has(connection.file)) this.#limit(connection);
  }

  closed(connection: DatabaseSync): void {
    this.#open.delete(connection);
  }

  #setAside(file: string): void {
    this.#inspectors.get(file)?.connection.close();
    this.#inspectors.delete(file);
    renameSync(file, this.file(`replaced-${++this.#copies}.db`));
    for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
  }

  #inspector(file: string): Inspector {
    let inspector = this.#inspectors.get(file);
    if (inspector === undefined) {
      inspector = { connection: new RealDatabase(file), statements: new Map() };
      this.#inspectors.set(file, inspector);
    }
    return inspector;
  }

  #limit(connection: DatabaseSync): void {
    const pages = this.#full.has(connection.file) ? 'pragma_page_count' : '(SELECT 1073741823 AS page_count)';
    const { count } = connection.prepare(`SELECT page_count AS count FROM ${pages}`).get() as {
      count: number;
    };
    connection.exec(`PRAGMA max_page_count = ${count}`);
  }
}
