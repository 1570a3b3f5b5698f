/**
 * The real connections to one database file. All simulated connections to the file share them, as the clients of a
 * transaction pooler do: SQLite answers at once, so a simulated connection needs a real one only for the length of a
 * statement, a transaction or an iteration. So files are opened, schemas parsed and statements compiled once and not for each
 * process, which would be most of a history's time.
 */
import type * as Sqlite from 'node:sqlite';

const { DatabaseSync: RealDatabase } = process.getBuiltinModule('node:sqlite') as typeof Sqlite;

/** Without a limit of its own, a file has SQLite's. */
const mostPages = 1_073_741_823;

export type SqlFunction = (...args: Sqlite.SQLOutputValue[]) => Sqlite.SQLInputValue;
export interface NamedFunction {
  readonly name: string;
  readonly options: Sqlite.FunctionOptions;
  readonly call: SqlFunction;
}

interface Compiled {
  readonly statement: Sqlite.StatementSync;
  readsBigInts: boolean;
  returnsArrays: boolean;
}

/** A real connection, with every statement that was compiled on it. */
export class RealConnection {
  readonly database: Sqlite.DatabaseSync;
  readonly #statements = new Map<string, Compiled>();
  /** Iterations that have not ended. */
  iterations = 0;

  constructor(location: string) {
    this.database = new RealDatabase(location);
    // No history survives the machine, so SQLite need not wait for a disk.
    this.database.exec('PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY');
  }

  statement(sql: string, readsBigInts = false, returnsArrays = false): Sqlite.StatementSync {
    let compiled = this.#statements.get(sql);
    if (compiled === undefined) {
      compiled = { statement: this.database.prepare(sql), readsBigInts: false, returnsArrays: false };
      this.#statements.set(sql, compiled);
    }
    const { statement } = compiled;
    if (compiled.readsBigInts !== readsBigInts) statement.setReadBigInts(readsBigInts);
    if (compiled.returnsArrays !== returnsArrays) statement.setReturnArrays(returnsArrays);
    compiled.readsBigInts = readsBigInts;
    compiled.returnsArrays = returnsArrays;
    return statement;
  }

  /** Whether it cannot serve another simulated connection now. */
  get isBusy(): boolean {
    return this.iterations > 0 || this.database.isTransaction;
  }
}

export class ConnectionPool {
  readonly #location: string;
  readonly #functions: NamedFunction[];
  readonly #all = new Set<RealConnection>();
  readonly #idle: RealConnection[] = [];
  #clients = 0;
  isFull = false;
  #isReplaced = false;
  #isClosed = false;

  /** @throws an error of SQLite when the file cannot be opened */
  constructor(location: string, functions: readonly NamedFunction[] = []) {
    this.#location = location;
    this.#functions = [...functions];
    this.#idle.push(this.#opened());
  }

  /** A simulated connection is opened. */
  join(): void {
    this.#clients++;
  }

  /** A simulated connection is closed. Files that were replaced are closed with the last one. */
  leave(): void {
    this.#clients--;
    if (this.#clients === 0 && this.#isReplaced) this.close();
  }

  take(): RealConnection {
    if (this.#isClosed) throw new Error(`${this.#location} was closed`);
    return this.#idle.pop() ?? this.#opened();
  }

  give(connection: RealConnection): void {
    this.#idle.push(connection);
  }

  /** The simulated connection was closed in a transaction or an iteration. */
  giveUp(connection: RealConnection): void {
    if (connection.iterations === 0) {
      connection.database.exec('ROLLBACK');
      this.give(connection);
    } else {
      connection.database.close();
      this.#all.delete(connection);
    }
  }

  /** Reads and writes on a connection that has no transaction. */
  use<T>(work: (connection: RealConnection) => T): T {
    const connection = this.take();
    try {
      return work(connection);
    } finally {
      this.give(connection);
    }
  }

  /** Every connection to the file has the function. A function that is known already is ignored. */
  define(added: NamedFunction): void {
    if (this.#functions.some(({ name, call }) => name === added.name && call === added.call)) return;
    this.#functions.push(added);
    for (const connection of this.#all) install(connection, added);
  }

  /** While the file is full, it cannot grow. */
  setFull(isFull: boolean): void {
    if (isFull === this.isFull) return;
    this.isFull = isFull;
    for (const connection of this.#all) this.#limit(connection);
  }

  /**
   * Another file is about to take this one's place. The simulated connections that are open keep the old file until they
   * notice it, and no real one can be opened by its name any more.
   */
  replace(): void {
    while (this.#all.size < this.#clients) {
      const connection = this.#opened();
      // SQLite opens the files beside the database at the first read.
      connection.database.exec('SELECT 1 FROM sqlite_schema');
      this.#idle.push(connection);
    }
    this.#isReplaced = true;
    if (this.#clients === 0) this.close();
  }

  close(): void {
    this.#isClosed = true;
    for (const { database } of this.#all) database.close();
    this.#all.clear();
    this.#idle.length = 0;
  }

  #opened(): RealConnection {
    if (this.#isReplaced) throw new Error(`${this.#location} was replaced, and cannot be opened again`);
    const connection = new RealConnection(this.#location);
    for (const each of this.#functions) install(connection, each);
    if (this.isFull) this.#limit(connection);
    this.#all.add(connection);
    return connection;
  }

  #limit({ database }: RealConnection): void {
    const { pages } = database.prepare('SELECT page_count AS pages FROM pragma_page_count').get() as {
      pages: number;
    };
    database.exec(`PRAGMA max_page_count = ${this.isFull ? pages : mostPages}`);
  }
}

function install({ database }: RealConnection, { name, options, call }: NamedFunction): void {
  database.function(name, options, call);
}
