/**
 * Takes the place of node:sqlite for all modules that main.ts loads: the same SQLite, whose connections belong to simulated
 * processes. (Node cannot replace an export of node:sqlite after a module has imported it.)
 */
import type * as Sqlite from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { ConnectionPool, type RealConnection, type SqlFunction } from './connection-pool.ts';
import { DatabaseCall } from './database-call.ts';
import { type Owned, SimulatedProcess } from './process.ts';

/** Where the simulated connections of a history find the real ones. */
export interface Pools {
  /** @param location the file as the connection names it: a path, or a URL with options */
  pool(file: string, location: string): ConnectionPool;
}

type Values = Sqlite.SQLInputValue[];

/** Settings of a connection on which no history depends; the pool has its own. */
const settings = /^PRAGMA (synchronous|temp_store|journal_size_limit) = \w+$/;
const transactionControl = /^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b[^;]*$/;
const inMemory = ':memory:';

/** As much of node:sqlite's class as the code under test uses. */
export class DatabaseSync implements Owned {
  /** Set while a history runs. Otherwise each connection has a real one of its own. */
  static pools: Pools | undefined;
  readonly #pool: ConnectionPool;
  readonly #isShared: boolean;
  readonly #owner = SimulatedProcess.current;
  /** The real connection of its transaction or iteration. */
  #kept: RealConnection | undefined;
  #isClosed = false;

  constructor(location: string) {
    assertDescriptors();
    const { pools } = DatabaseSync;
    this.#isShared = pools !== undefined && location !== inMemory;
    this.#pool = this.#isShared ? pools!.pool(fileOf(location), location) : new ConnectionPool(location);
    this.#pool.join();
    this.#owner?.owned.add(this);
  }

  get isTransaction(): boolean {
    this.#assertOpen();
    return this.#kept?.database.isTransaction ?? false;
  }

  exec(sql: string): void {
    this.#assertOpen();
    if (settings.test(sql)) return;
    this.use((connection) => {
      if (transactionControl.test(sql)) connection.statement(sql).run();
      else connection.database.exec(sql);
    });
    DatabaseCall.current?.used(sql);
  }

  prepare(sql: string): StatementSync {
    this.#assertOpen();
    // What SQLite cannot compile fails here, not at the first use.
    this.use((connection) => connection.statement(sql));
    return new StatementSync(this, sql);
  }

  function(name: string, options: Sqlite.FunctionOptions, call: SqlFunction): void {
    this.#assertOpen();
    this.#pool.define({ name, options, call });
  }

  close(): void {
    this.#assertOpen();
    this.#isClosed = true;
    this.#owner?.owned.delete(this);
    if (this.#kept !== undefined) this.#pool.giveUp(this.#kept);
    this.#kept = undefined;
    this.#pool.leave();
    if (!this.#isShared) this.#pool.close();
  }

  /** SQLite rolls an open transaction back, as it does when it finds one of a dead process. */
  abandon(): void {
    if (!this.#isClosed) this.close();
  }

  /** For statements: runs `work` on the real connection that this one has now. */
  use<T>(work: (connection: RealConnection) => T): T {
    if (this.#isClosed) throw invalidState('statement has been finalized');
    const connection = this.#kept ?? this.#pool.take();
    try {
      return work(connection);
    } finally {
      this.#keep(connection);
    }
  }

  /** For statements: an iteration keeps the real connection until it has ended. */
  *iterate(start: (connection: RealConnection) => Iterable<unknown>): Generator<unknown, void> {
    if (this.#isClosed) throw invalidState('statement has been finalized');
    const connection = this.#kept ?? this.#pool.take();
    this.#kept = connection;
    connection.iterations++;
    try {
      yield* start(connection);
    } finally {
      connection.iterations--;
      this.#keep(connection);
    }
  }

  #keep(connection: RealConnection): void {
    this.#kept = connection.isBusy ? connection : undefined;
    if (this.#kept === undefined) this.#pool.give(connection);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw invalidState('database is not open');
  }
}

/** A statement of a simulated connection: the same text is compiled once for each real connection. */
export class StatementSync {
  readonly #database: DatabaseSync;
  readonly #sql: string;
  #readsBigInts = false;
  #returnsArrays = false;

  constructor(database: DatabaseSync, sql: string) {
    this.#database = database;
    this.#sql = sql;
  }

  setReadBigInts(enabled: boolean): void {
    this.#readsBigInts = enabled;
  }

  setReturnArrays(enabled: boolean): void {
    this.#returnsArrays = enabled;
  }

  run(...values: Values): Sqlite.StatementResultingChanges {
    return this.#use((statement) => statement.run(...values));
  }

  get(...values: Values): unknown {
    return this.#use((statement) => statement.get(...values));
  }

  all(...values: Values): unknown[] {
    return this.#use((statement) => statement.all(...values));
  }

  iterate(...values: Values): Iterator<unknown> {
    return this.#database.iterate((connection) => this.#of(connection).iterate(...values));
  }

  #use<T>(work: (statement: Sqlite.StatementSync) => T): T {
    const result = this.#database.use((connection) => work(this.#of(connection)));
    DatabaseCall.current?.used(this.#sql);
    return result;
  }

  #of(connection: RealConnection): Sqlite.StatementSync {
    return connection.statement(this.#sql, this.#readsBigInts, this.#returnsArrays);
  }
}

function fileOf(location: string): string {
  return location.startsWith('file:') ? fileURLToPath(location.replace(/\?.*$/, '')) : location;
}

/** @throws the error of SQLite when the process has no file descriptors left */
function assertDescriptors(): void {
  if (!SimulatedProcess.lacksDescriptors) return;
  throw Object.assign(new Error('unable to open database file'), { code: 'ERR_SQLITE_ERROR', errcode: 14 });
}

function invalidState(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_INVALID_STATE' });
}
