/**
 * Takes the place of node:sqlite for all modules that main.ts loads: the same SQLite, whose connections belong to simulated
 * processes. (Node cannot replace an export of node:sqlite after a module has imported it.)
 */
import type * as Sqlite from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { type Owned, SimulatedProcess } from './process.ts';

const real = process.getBuiltinModule('node:sqlite') as typeof Sqlite;

export const RealDatabase = real.DatabaseSync;
export const { StatementSync, constants, backup } = real;

/** Hears of the connections that are opened and closed. */
export interface ConnectionListener {
  opened(connection: DatabaseSync): void;
  closed(connection: DatabaseSync): void;
}

export class DatabaseSync extends RealDatabase implements Owned {
  /** Set while a history runs. */
  static listener: ConnectionListener | undefined;
  readonly file: string;
  readonly #listener = DatabaseSync.listener;
  readonly #owner = SimulatedProcess.current;
  #isClosed = false;

  constructor(location: string, settings: Sqlite.DatabaseSyncOptions = {}) {
    super(openable(location), settings);
    this.file = location.startsWith('file:') ? fileURLToPath(location.replace(/\?.*$/, '')) : location;
    this.#listener?.opened(this);
    this.#owner?.owned.add(this);
  }

  /** No history survives the machine, so SQLite need not wait for a disk. */
  override exec(sql: string): void {
    super.exec(sql.replace(/^PRAGMA synchronous = \w+$/, 'PRAGMA synchronous = OFF'));
  }

  override close(): void {
    super.close();
    this.#isClosed = true;
    this.#listener?.closed(this);
    this.#owner?.owned.delete(this);
  }

  /** SQLite rolls an open transaction back, as it does when it finds one of a dead process. */
  abandon(): void {
    if (!this.#isClosed) this.close();
  }
}

/** @throws the error of SQLite when the process has no file descriptors left */
function openable(location: string): string {
  if (!SimulatedProcess.lacksDescriptors) return location;
  throw Object.assign(new Error('unable to open database file'), { code: 'ERR_SQLITE_ERROR', errcode: 14 });
}
