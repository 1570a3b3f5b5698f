/**
 * Lists the undocumented parts of mssql and tedious that this program uses, and checks each of them before the first
 * connection is lent. A release that has changed one is refused with an error that names the part and the right
 * versions; otherwise the pool would silently lose connections, or a server's answers would have no bounds.
 *
 * The parts are checked where a login first uses them and not at their files, so that the checks also work when the
 * driver is inside a bundle. Only redirects use the event `rerouting` and `routingData` of tedious; connection-pool.ts
 * refuses a redirect that it does not understand.
 *
 * Which of them a public interface could replace:
 *
 * - `ConnectionPool` and `Transaction` of mssql: these are subclasses already. Their methods would have to be documented.
 * - `createTokenStreamParser` and `messageIo`: a subclass of tedious's `Connection` of ten lines could override
 *   both instead of replacing them on each instance, but mssql creates its connections with `new tedious.Connection`. It
 *   would need an option that takes the class, beside its documented `beforeConnect`.
 * - `packetSize`, `readMessage`, `_transform` and the methods of the token handler: no subclass is possible, because tedious
 *   creates these objects itself. Limits for an answer's bytes, rows and packet size belong into its options.
 * - `inTransaction` and `closed`: read-only properties of tedious that would only have to be documented. The documented event
 *   `end` comes later than `closed` is set.
 * - The arguments of the documented option `connector`: they would only have to be documented.
 */
import { createRequire } from 'node:module';
import type * as mssql from 'mssql';
import { isMultiOutboxError, MultiOutboxError, propertyOf } from '../../errors.ts';

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

/** Methods of tedious's objects, which answer-guard.ts replaces or calls. */
const ofTedious = {
  Connection: ['createTokenStreamParser'],
  /** `messageIo` of a connection. */
  MessageIO: ['packetSize', 'readMessage'],
  /** An answer: a transform stream of Node. */
  Message: ['_transform', 'on', 'destroy'],
  Parser: ['on'],
  TokenHandler: ['onBeginTransaction', 'onColMetadata', 'onErrorMessage', 'onReturnValue', 'onRow'],
} as const;

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
  const missing = flags.filter((flag) => typeof propertyOf(connection, flag) !== 'boolean');
  if (missing.length > 0) throw lacks('Connection', missing);
  probeMethods('Connection', connection);
}

/**
 * Checks an object that the driver creates, before the guard uses its methods.
 * @throws DRIVER_UNSUPPORTED
 */
export function probeMethods(name: keyof typeof ofTedious, value: unknown): void {
  const missing = ofTedious[name].filter((method) => typeof propertyOf(value, method) !== 'function');
  if (missing.length > 0) throw lacks(name, missing);
}

/**
 * Checks, once a connection is open, that the driver has read the answers to its login through the guard.
 * @throws DRIVER_UNSUPPORTED
 */
export function probeGuard(guard: { readonly passedBy: string | null } | undefined): void {
  const passedBy = guard === undefined ? 'beforeConnect' : guard.passedBy;
  if (passedBy !== null) throw unsupported(`does not use ${passedBy}`);
}

/**
 * Checks the description of a column in an answer.
 * @throws DRIVER_UNSUPPORTED
 */
export function probeColumns(
  columns: unknown,
): asserts columns is readonly { readonly type: { readonly name: string } }[] {
  if (!Array.isArray(columns)) throw lacks('ColMetadataToken', ['columns']);
  if (columns.some((column) => typeof propertyOf(propertyOf(column, 'type'), 'name') !== 'string'))
    throw lacks('ColMetadataToken', ['columns[].type.name']);
}

/**
 * Checks what the driver passes to its option `connector`.
 * @throws DRIVER_UNSUPPORTED
 */
export function probeConnectorArguments(server: unknown, signal: unknown): void {
  const { host, port } = (server ?? {}) as Record<string, unknown>;
  if (typeof host !== 'string' || typeof port !== 'number' || !(signal instanceof AbortSignal))
    throw unsupported('does not pass the server and a signal to options.connector');
}

/** The error of a probe that the driver has wrapped into errors of its own; null if there is none. */
export function probeError(error: unknown): MultiOutboxError | null {
  let cause = error;
  for (let depth = 0; depth < deepest && cause !== undefined; depth++) {
    if (isMultiOutboxError(cause, 'DRIVER_UNSUPPORTED')) return cause;
    cause = propertyOf(cause, 'originalError') ?? propertyOf(cause, 'cause');
  }
  return null;
}

/** The driver wraps an error at most twice: tedious once, and mssql once. */
const deepest = 5;

function lacks(name: string, members: readonly string[]): MultiOutboxError {
  return unsupported(`lacks ${members.map((member) => `${name}.${member}`).join(', ')}`);
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
