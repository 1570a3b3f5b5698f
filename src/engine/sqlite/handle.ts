/**
 * How everything above reaches a database file: reads and writes that wait for locks without blocking the event
 * loop, errors that name the tenant, and a connection that is dropped when it can no longer be trusted.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { MultiOutboxError } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { closedError, databaseMissing, explain, isLocked, type Subject, sqliteCode } from './errors.ts';
import { closeQuietly, type DatabaseFile, FileMissing } from './file.ts';
import type { Schema } from './migrations/migration.ts';
import { applyMigrations, verifySchema } from './schema-control.ts';

/** Milliseconds between two attempts to get a lock: from the first to the longest. */
const firstWaitMs = 1;
const longestWaitMs = 25;

export interface WriteOptions {
  /** False for what may be forgotten in a power cut: spares the fsync. */
  readonly durable?: boolean;
}

export class DatabaseHandle {
  readonly file: DatabaseFile;
  readonly subject: Subject;
  readonly schema: Schema;
  readonly #busyTimeoutMs: number;
  #closed = false;

  constructor(
    file: DatabaseFile,
    options: { tenantId: string | undefined; schema: Schema; busyTimeoutMs: number },
  ) {
    this.file = file;
    this.subject = { tenantId: options.tenantId, path: file.path };
    this.schema = options.schema;
    this.#busyTimeoutMs = options.busyTimeoutMs;
  }

  /** Runs reads that see one moment of the database. */
  read<T>(work: (connection: Connection) => T): Promise<T> {
    return this.attempt(() => this.#verified().transaction('read', work));
  }

  /** Runs one statement's worth of reading, without the cost of a transaction around it. */
  look<T>(work: (connection: Connection) => T): Promise<T> {
    return this.attempt(() => work(this.#verified()));
  }

  /** Runs a write transaction. `work` may run again after a lock got in the way, so it changes nothing else. */
  write<T>(work: (connection: Connection, now: number) => T, options: WriteOptions = {}): Promise<T> {
    return this.attempt(() => {
      const connection = this.#verified();
      const inTransaction = () => connection.transaction('write', () => work(connection, connection.now()));
      if (options.durable !== false || this.file.synchronous === 'normal') return inTransaction();
      connection.database.exec('PRAGMA synchronous = NORMAL');
      try {
        return inTransaction();
      } finally {
        connection.database.exec('PRAGMA synchronous = FULL');
      }
    });
  }

  /**
   * Runs `work`, one synchronous stretch, until no lock is in its way or the busy timeout is over. Waits on a timer:
   * one tenant's lock does not delay another tenant (D8). Where the lock is that of a handler's transaction, its end
   * is told, and nobody else is let in before; `inTurn`: this is that transaction.
   */
  async attempt<T>(work: () => T, { inTurn = false } = {}): Promise<T> {
    const deadline = performance.now() + this.#busyTimeoutMs;
    for (let wait = firstWaitMs; ; wait = Math.min(wait * 1.6, longestWaitMs)) {
      if (this.#closed) throw closedError(this.subject);
      try {
        return work();
      } catch (error) {
        const left = deadline - performance.now();
        if (!isLocked(error) || left <= 0) throw this.explain(error);
        const handlersEnd = inTurn ? undefined : this.file.transactions.released(left);
        await (handlersEnd ?? delay(Math.min(left, wait * (0.5 + Math.random()))));
      }
    }
  }

  /** A connection of its own with a write transaction open on it. */
  begun(): Promise<Connection> {
    return this.attempt(
      () => {
        this.#verified();
        const connection = this.file.connectApart();
        try {
          connection.database.exec('BEGIN IMMEDIATE');
          return connection;
        } catch (error) {
          closeQuietly(connection.database);
          throw error;
        }
      },
      { inTurn: true },
    );
  }

  /** The error as callers see it; drops the connection after errors that a new one may not have. */
  explain(error: unknown): MultiOutboxError {
    if (error instanceof FileMissing) return databaseMissing(this.subject);
    const explained = explain(error, this.subject, () => this.file.access());
    if (sqliteCode(error) !== null && !connectionSurvives.has(explained.code) && !this.file.inMemory) {
      this.file.disconnect();
    }
    return explained;
  }

  assertOpen(): void {
    if (this.#closed) throw closedError(this.subject);
  }

  /** True the first time. */
  close(): boolean {
    const first = !this.#closed;
    this.#closed = true;
    return first;
  }

  #verified(): Connection {
    const connection = this.file.connect();
    if (!connection.verified) {
      // Nobody else could migrate a database in memory.
      if (this.file.inMemory) applyMigrations(connection, this.schema.migrations, this.subject);
      else verifySchema(connection, this.schema, this.subject);
      connection.useWal();
      connection.verified = true;
    }
    return connection;
  }
}

const connectionSurvives: ReadonlySet<string> = new Set(['DATABASE_LOCKED', 'DATABASE_FULL']);
