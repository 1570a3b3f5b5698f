/** A database file and the one connection this program keeps to it. */
import { accessSync, constants, mkdirSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { Semaphore } from '../semaphore.ts';
import { Connection } from './connection.ts';
import type { FileAccess } from './errors.ts';
import { memoryPath } from './paths.ts';

export type Synchronous = 'full' | 'normal';

/** Thrown by `connect` when the file is not there; `explain`ed by the caller, who knows whose file it is. */
export class FileMissing extends Error {}

export class DatabaseFile {
  readonly path: string;
  readonly synchronous: Synchronous;
  /** Handlers' transactions: the file has one writer. */
  readonly transactions = new Semaphore(1);
  /** In place of the machine's clock; a connection that a caller opened does not have it. */
  readonly clock: (() => number) | undefined;
  #connection: Connection | null = null;
  #identity: Pick<Stats, 'dev' | 'ino'> | null = null;

  constructor(path: string, synchronous: Synchronous, clock?: () => number) {
    this.path = path;
    this.synchronous = synchronous;
    this.clock = clock;
  }

  get inMemory(): boolean {
    return this.path === memoryPath;
  }

  access(): FileAccess {
    if (this.inMemory) return 'read-write';
    if (this.#stat() === undefined) return 'missing';
    try {
      accessSync(this.path, constants.W_OK);
      // SQLite keeps the WAL beside the file, so the folder must be writable too.
      accessSync(dirname(this.path), constants.W_OK);
      return 'read-write';
    } catch {
      return 'read-only';
    }
  }

  /**
   * The connection, opened if need be. A file that was deleted or replaced since it was opened is noticed here:
   * the stat costs about 2 µs, less than any statement.
   * @throws FileMissing, and what node:sqlite throws
   */
  connect(options: { create?: boolean } = {}): Connection {
    if (this.inMemory) {
      this.#connection ??= this.#open(memoryPath);
      return this.#connection;
    }
    const found = this.#stat();
    if (this.#connection !== null) {
      const same =
        found !== undefined && found.ino === this.#identity?.ino && found.dev === this.#identity.dev;
      if (same) return this.#connection;
      // SQLite sees that its file was moved and leaves the WAL of whatever took its place alone.
      this.disconnect();
    }
    if (found === undefined) {
      if (options.create !== true) throw new FileMissing(this.path);
      mkdirSync(dirname(this.path), { recursive: true });
      this.#connection = this.#open(this.path);
    } else {
      this.#connection = this.#open(withoutCreating(this.path));
    }
    this.#identity = found ?? this.#stat() ?? null;
    return this.#connection;
  }

  /** One more connection, for a handler; whoever asks for it closes it. */
  connectApart(): Connection {
    return this.#open(withoutCreating(this.path));
  }

  /** Closes the connection; the next `connect` opens a new one. Idempotent. */
  disconnect(): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#identity = null;
    closeQuietly(connection?.database);
  }

  #stat(): Stats | undefined {
    return statSync(this.path, { throwIfNoEntry: false });
  }

  #open(location: string): Connection {
    const database = new DatabaseSync(location);
    try {
      // No busy timeout: SQLite would wait for a lock inside the event loop, and so make all tenants wait.
      database.exec(`PRAGMA synchronous = ${this.synchronous.toUpperCase()}`);
      database.exec('PRAGMA temp_store = MEMORY');
      // What a burst left of the WAL is given back to the disk at the next checkpoint.
      database.exec('PRAGMA journal_size_limit = 67108864');
      // SQLite's own ways to compare without regard to case know ASCII alone.
      database.function('fold_case', { deterministic: true }, foldCase);
      const { clock } = this;
      // In place of SQLite's own, in seconds; the half millisecond outlasts the rounding on the way back.
      if (clock) database.function('unixepoch', (_subsec) => (clock() + 0.5) / 1_000);
      return new Connection(database);
    } catch (error) {
      closeQuietly(database);
      throw error;
    }
  }
}

/** Opens a file only if it is there: one that vanishes between the stat and the opening must not come back empty. */
function withoutCreating(path: string): string {
  return `${pathToFileURL(path).href}?mode=rw`;
}

/** Text that is the same for texts that differ only in case. */
export function foldCase(value: unknown): string {
  return String(value).toLowerCase();
}

export function closeQuietly(database: DatabaseSync | undefined): void {
  try {
    database?.close();
  } catch {
    // Already closed, or too broken to be closed: either way there is nothing left to give back.
  }
}
