/**
 * The real SQLite of the simulated processes, on files of a folder in memory. Each file has a clock of its own, may become
 * full, and can be put back to an earlier state. A connection belongs to the process that opened it.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SQLInputValue } from 'node:sqlite';
import { ConnectionPool, type NamedFunction } from './connection-pool.ts';
import { type Random, randomBytes } from './randomness.ts';
import { DatabaseSync, type Pools } from './sqlite.ts';

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

export interface DatabasesOptions {
  readonly random: Random;
  /** Milliseconds since 1970. */
  readonly utc: () => number;
}

export class Databases implements Pools {
  readonly folder: string;
  readonly #options: DatabasesOptions;
  readonly #clocks = new Map<string, DatabaseClock>();
  /** By file: the connections to the file that has this name now. */
  readonly #pools = new Map<string, ConnectionPool>();
  readonly #replaced: ConnectionPool[] = [];
  readonly #restoredAt = new Map<string, number>();
  #copies = 0;

  /** All connections are its own until `close`. */
  constructor(options: DatabasesOptions) {
    this.#options = options;
    const parent = existsSync(memoryFolder) ? memoryFolder : tmpdir();
    this.folder = mkdtempSync(path.join(parent, 'multi-outbox-simulation-'));
    DatabaseSync.pools = this;
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** A connection of a process's own, as an application opens it. */
  connect(file: string): DatabaseSync {
    return new DatabaseSync(file);
  }

  /** Reads what is committed. */
  rows<Row>(file: string, sql: string, ...values: SQLInputValue[]): Row[] {
    return this.pool(file).use((connection) => connection.statement(sql).all(...values) as Row[]);
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
    const pool = isFull ? this.pool(file) : this.#pools.get(file);
    pool?.setFull(isFull);
  }

  /** Copies the file's committed state. */
  backUp(file: string): string {
    const copy = this.file(`backup-${++this.#copies}.db`);
    this.#copyCommitted(file, copy);
    return copy;
  }

  /** Replaces the file under the processes that have it open, as docs/operations.md describes it. */
  restore(file: string, copy: string): void {
    const { isFull } = this.pool(file);
    copyFileSync(copy, `${file}.restored`);
    this.#setAside(file);
    renameSync(`${file}.restored`, file);
    this.setFull(file, isFull);
    this.#restoredAt.set(file, this.now(file));
  }

  /** When the file was restored last, by its own clock, in milliseconds since 1970; undefined if it never was. */
  restoredAt(file: string): number | undefined {
    return this.#restoredAt.get(file);
  }

  /** Puts the committed state in another place. Processes that have the old file open keep it, but its path is gone. */
  move(file: string, to: string): void {
    const { isFull } = this.pool(file);
    this.#copyCommitted(file, to);
    this.#setAside(file);
    this.#clocks.set(to, this.clock(file));
    this.setFull(to, isFull);
  }

  copyTo(from: string, file: string): void {
    mkdirSync(path.dirname(file), { recursive: true });
    copyFileSync(from, file);
  }

  close(): void {
    for (const pool of [...this.#pools.values(), ...this.#replaced]) pool.close();
    DatabaseSync.pools = undefined;
    rmSync(this.folder, { recursive: true, force: true });
  }

  pool(file: string, location = file): ConnectionPool {
    let pool = this.#pools.get(file);
    if (pool === undefined) {
      pool = new ConnectionPool(location, this.#functions(file));
      this.#pools.set(file, pool);
    }
    return pool;
  }

  /** SQLite's own sources of time and randomness. */
  #functions(file: string): NamedFunction[] {
    const { random } = this.#options;
    return [
      {
        // Constant within one statement, as SQLite's own is, so it is called once and not for every row. The added half
        // millisecond is lost again when the seconds are converted to milliseconds.
        name: 'unixepoch',
        options: { deterministic: true },
        call: (_subsec: unknown) => (this.now(file) + 0.5) / 1_000,
      },
      { name: 'random', options: {}, call: () => random.between(0, 2 ** 31) },
      {
        name: 'randomblob',
        options: {},
        call: (length: unknown) => randomBytes(random, new Uint8Array(Number(length))),
      },
    ];
  }

  #copyCommitted(file: string, copy: string): void {
    this.pool(file).use((connection) => connection.statement('VACUUM INTO ?').run(copy));
  }

  #setAside(file: string): void {
    const pool = this.pool(file);
    pool.replace();
    this.#pools.delete(file);
    this.#replaced.push(pool);
    renameSync(file, this.file(`replaced-${++this.#copies}.db`));
    for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
  }
}
