/** Recognises the transactions of the engines' own drivers by their members, so that no driver is loaded for it. */

/** A connection of node:sqlite. */
export interface NodeSqlite {
  exec(sql: string): unknown;
  /** Throws when the connection is closed. */
  readonly isTransaction: boolean;
}

export function isNodeSqlite(value: unknown): value is NodeSqlite {
  return hasMethods(value, 'exec', 'prepare') && 'isTransaction' in value;
}

export function isTransactionOpen(connection: Pick<NodeSqlite, 'isTransaction'>): boolean {
  try {
    return connection.isTransaction;
  } catch {
    return false; // closed
  }
}

/** An mssql.Transaction. The class is not looked at: the caller may use another mssql. */
export function isMssqlTransaction(value: unknown): value is object {
  return hasMethods(value, 'request', 'begin', 'commit');
}

function hasMethods(value: unknown, ...names: string[]): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
  );
}
