/**
 * Lists the undocumented parts of mssql and tedious that this program uses, and checks each before its first use. A
 * release that has changed one of them is refused with an error that names the right version; otherwise the pool would
 * silently lose connections. The event `rerouting` and `routingData` of tedious exist only during a redirect, which
 * connection-pool.ts refuses when it does not understand them.
 */
import { createRequire } from 'node:module';
import type * as mssql from 'mssql';
import { MultiOutboxError } from '../../errors.ts';

/** The releases with which this program is tested. */
export const expectedVersions = { mssql: '12.7.14', tedious: '20.3.9' } as const;

/** Methods by class of mssql. Only its code documents `acquire` and `release`; nothing documents the others. */
const methods = {
  /** Overridden by the pool of connection-pool.ts, as mssql's own drivers override them. */
  ConnectionPool: ['_poolCreate', '_poolDestroy', 'acquire', 'release'],
  /** Overridden by the transaction of queue/closable-transaction.ts. */
  Transaction: ['acquire', 'release'],
} as const;

/** Flags of a tedious connection, read when it comes back to its pool. */
const flags = ['inTransaction', 'closed'] as const;

/** Methods of a tedious connection and of its `messageIo`, which answer-guard.ts replaces. */
const connectionMethods = ['createTokenStreamParser'] as const;

/** @throws DRIVER_UNSUPPORTED naming what is missing, the versions expected and found, and what to install */
export function probeDriver(driver: typeof mssql): void {
  const missing = Object.entries(methods).flatMap(([name, expected]) => {
    const { prototype } =
      (driver as unknown as Record<string, { prototype?: object } | undefined>)[name] ?? {};
    return expected
      .filter((method) => typeof (prototype as Record<string, unknown> | undefined)?.[method] !== 'function')
      .map((method) => `${name}.${method}`);
  });
  if (missing.length > 0) throw unsupported(`lacks ${missing.join(', ')}`);
}

/**
 * A connection has these properties only once it is created, so each connection is checked then.
 * @throws DRIVER_UNSUPPORTED
 */
export function probeConnection(connection: object): void {
  const typeOf = (name: string) => typeof (connection as Record<string, unknown>)[name];
  const missing = [
    ...flags.filter((flag) => typeOf(flag) !== 'boolean'),
    ...connectionMethods.filter((method) => typeOf(method) !== 'function'),
  ];
  if (missing.length > 0)
    throw unsupported(`lacks ${missing.map((flag) => `Connection.${flag}`).join(', ')}`);
}

/**
 * Checks, once a connection is open, that its answers have been read through the guard.
 * @throws DRIVER_UNSUPPORTED
 */
export function probeGuard(guard: { readonly isInUse: boolean } | undefined): void {
  if (guard?.isInUse !== true) throw unsupported('lacks Connection.messageIo');
}

/**
 * @param what the end of a sentence that begins with 'the SQL Server driver', such as 'lacks
 *   Connection.closed'
 */
function unsupported(what: string): MultiOutboxError {
  const { mssql, tedious } = expectedVersions;
  const found = installedVersions();
  return new MultiOutboxError(
    'DRIVER_UNSUPPORTED',
    `the SQL Server driver ${what}; expected mssql ${mssql} with tedious ${tedious}, found mssql ${found.mssql} with tedious ${found.tedious}; run 'npm install --save-exact mssql@${mssql} tedious@${tedious}'`,
  );
}

function installedVersions(): { mssql: string; tedious: string } {
  const here = createRequire(`${import.meta.dirname}/`);
  const version = (of: () => unknown): string => {
    try {
      return (of() as { version: string }).version;
    } catch {
      // The package is not installed, or is inside a bundle.
      return '(unknown)';
    }
  };
  return {
    mssql: version(() => here('mssql/package.json')),
    // Finds the tedious that mssql loads, which may be in the node_modules of mssql.
    tedious: version(() => createRequire(here.resolve('mssql/package.json'))('tedious/package.json')),
  };
}
