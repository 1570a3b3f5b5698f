/**
 * Access to a database file for the rest of the engine. It waits for locks without blocking the event loop, names the
 * tenant in errors, and drops the connection after an error that a new connection may not have.
 */
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import type { MultiOutboxError } from '../../errors.ts';
import { lateWorkListener } from '../late-work.ts';
import type { Connection } from './connection.ts';
import {
  closedError,
  databaseLinked,
  databaseMissing,
  databaseShared,
  explain,
  isLocked,
  isRefused,
  isUnopened,
  type Subject,
  sqliteCode,
} from './errors.ts';
import { type DatabaseFile, FileLinked, FileMissing, FileShared } from './file.ts';
import type { Schema } from './migrations/migration.ts';
import { applyMigrations, verifySchema } from './schema-control.ts';

/** Milliseconds between two attempts to get a lock: the first wait and the longest. */
const firstWaitMs = 1;
const longestWaitMs = 25;

export interface WriteOptions {
  /** False skips the fsync, for writes that may be lost in a power cut, or until `makeDurable`. */
  readonly durable?: boolean;
}

/** A connection for a handler's transaction, and the file's own one. */
export interface Apart {
  readonly connection: Connection;
  readonly beside: Connection;
}

export class DatabaseHandle {
  readonly file: DatabaseFile;
  readonly subject: Subject;
  readonly schema: Schema;
  readonly #busyTimeoutMs: number;
  #closed = false;
  /** How many writes without an fsync there were, and which of them is the last that is on the disk. */
  #unsyncedWrites = 0;
  #durableWrites = 0;
  /** The fsync that is under way, and the last write that it covers. */
  #sync: { readonly upTo: number; readonly done: Promise<void> } | undefined;

  constructor(
    file: DatabaseFile,
    options: { tenantId: string | undefined; schema: Schema; busyTimeoutMs: number },
  ) {
    this.file = file;
    this.subject = { tenantId: options.tenantId, path: file.path };
    this.schema = options.schema;
    this.#busyTimeoutMs = options.busyTimeoutMs;
  }

  /** Runs reads in one transaction, so that they see the database at one moment. */
  read<T>(work: (connection: Connection) => T): Promise<T> {
    return this.attempt(() => this.#verified().transaction('read', work));
  }

  /** Runs a single read statement, without the cost of a transaction. */
  look<T>(work: (connection: Connection) => T): Promise<T> {
    return this.attempt(() => work(this.#verified()));
  }

  /** Runs a write transaction. If a lock prevents it, `work` runs again, so `work` must not have other side effects. */
  write<T>(work: (connection: Connection, now: number) => T, options: WriteOptions = {}): Promise<T> {
    return this.attempt(() => this.#written(work, options));
  }

  /**
   * Runs a single read statement or a read transaction, and a write transaction if that returns null. Nothing else runs between
   * the two, so the caller can measure for how long they keep the event loop busy.
   */
  lookOrWrite<T>(
    look: (connection: Connection) => T | null,
    work: (connection: Connection, now: number) => T,
    options: WriteOptions = {},
  ): Promise<T> {
    return this.attempt(() => look(this.#verified()) ?? this.#written(work, options));
  }

  /**
   * Resolves once what was written without an fsync is on the disk, and fails if the fsync of it does. It does not block the
   * event loop meanwhile.
   */
  async makeDurable(): Promise<void> {
    const last = this.#unsyncedWrites;
    if (last <= this.#durableWrites) return;
    // Whoever uses what was written goes first. A durable write of theirs makes this one durable, too.
    await immediate();
    while (last > this.#durableWrites) {
      // One fsync at a time: all that is written meanwhile shares the next one.
      const { upTo, done } = this.#sync ?? this.#startSync();
      if (upTo >= last) await done;
      else await done.catch(() => {});
    }
  }

  #startSync() {
    const upTo = this.#unsyncedWrites;
    const done = this.file
      .sync()
      .then(
        () => {
          this.#durableWrites = Math.max(this.#durableWrites, upTo);
        },
        (error) => {
          throw this.explain(error);
        },
      )
      .finally(() => {
        this.#sync = undefined;
      });
    this.#sync = { upTo, done };
    return this.#sync;
  }

  #written<T>(work: (connection: Connection, now: number) => T, options: WriteOptions = {}): T {
    const connection = this.#verified();
    const inTransaction = () => connection.transaction('write', () => work(connection, connection.now()));
    if (this.file.synchronous === 'normal') return inTransaction();
    if (options.durable !== false) return this.#writtenDurably(connection, inTransaction);
    connection.database.exec('PRAGMA synchronous = NORMAL');
    try {
      const result = inTransaction();
      this.#unsyncedWrites++;
      return result;
    } finally {
      connection.database.exec('PRAGMA synchronous = FULL');
    }
  }

  /** Its fsync is of the whole WAL. SQLite makes none for a transaction that changes nothing. */
  #writtenDurably<T>(connection: Connection, inTransaction: () => T): T {
    if (this.#unsyncedWrites === this.#durableWrites) return inTransaction();
    const before = connection.changes();
    const result = inTransaction();
    if (connection.changes() > before) this.#durableWrites = this.#unsyncedWrites;
    return result;
  }

  /**
   * Runs `work`, which is synchronous, again and again until no lock and no lack of file descriptors prevents it, or the
   * busy timeout is over. It waits on a timer, so that one tenant's lock does not delay another tenant (D8). While a handler's transaction has
   * the lock, it waits for that transaction's end instead, and tries before the next handler's transaction begins.
   * `inTurn` means that `work` begins a handler's transaction itself.
   */
  async attempt<T>(work: () => T, { inTurn = false } = {}): Promise<T> {
    const deadline = performance.now() + this.#busyTimeoutMs;
    const onLateWork = lateWorkListener();
    let isFirst = true;
    for (let wait = firstWaitMs; ; wait = Math.min(wait * 1.6, longestWaitMs)) {
      if (this.#closed) throw closedError(this.subject);
      try {
        return isFirst || onLateWork === undefined ? work() : timed(work, onLateWork);
      } catch (error) {
        const left = deadline - performance.now();
        if (left <= 0 || !(isLocked(error) || this.#lacksDescriptors(error))) throw this.explain(error);
        const handlersEnd = inTurn ? undefined : this.file.transactions.released(left);
        await (handlersEnd ?? delay(Math.min(left, wait * (0.5 + Math.random()))));
        isFirst = false;
      }
    }
  }

  /** Begins a write transaction on another connection. */
  begun(): Promise<Apart> {
    return this.attempt(
      () => {
        const beside = this.#verified();
        const connection = this.file.connectApart();
        try {
          connection.prepare('BEGIN IMMEDIATE').run();
          return { connection, beside };
        } catch (error) {
          this.file.keepSpare(connection, beside);
          throw error;
        }
      },
      { inTurn: true },
    );
  }

  /** Converts an error for callers, and drops the connection after an error that a new connection may not have. */
  explain(error: unknown): MultiOutboxError {
    if (error instanceof FileMissing) return databaseMissing(this.subject);
    if (error instanceof FileLinked) return databaseLinked(this.subject, error.link);
    if (error instanceof FileShared) return databaseShared(this.subject, error.otherPath);
    const explained = explain(error, this.subject, () => this.file.access());
    const survives =
      sqliteCode(error) === null || isRefused(error) || isLocked(error) || explained.code === 'DATABASE_FULL';
    if (!survives && !this.file.inMemory) this.file.disconnect();
    return explained;
  }

  assertOpen(): void {
    if (this.#closed) throw closedError(this.subject);
  }

  /** Closes the handle. Returns true the first time. */
  close(): boolean {
    const first = !this.#closed;
    this.#closed = true;
    return first;
  }

  /** Other databases are closed when their use ends. Meanwhile this one must not keep the files that it did open. */
  #lacksDescriptors(error: unknown): boolean {
    if (!isUnopened(error) || this.file.inMemory) return false;
    this.file.disconnect();
    return this.file.access() === 'too-many-open';
  }

  #verified(): Connection {
    const connection = this.file.connect();
    if (!connection.verified) {
      // No other process can migrate a database in memory.
      if (this.file.inMemory) applyMigrations(connection, this.schema.migrations, this.subject);
      else verifySchema(connection, this.schema, this.subject);
      connection.useWal();
      connection.verified = true;
    }
    return connection;
  }
}

function timed<T>(work: () => T, tell: (ms: number) => void): T {
  const from = performance.now();
  try {
    return work();
  } finally {
    tell(performance.now() - from);
  }
}
