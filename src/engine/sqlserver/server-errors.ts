/** The errors that a server itself sends, by their numbers. */
import { propertyOf } from '../../errors.ts';

export const transientNumbers: ReadonlySet<number> = new Set([
  // The connection failed, or a server or database is starting, is moving, or has no free session.
  64, 233, 4060, 4221, 10053, 10054, 10060, 10928, 10929, 10936, 40020, 40143, 40166, 40197, 40501, 40540,
  40613, 42108, 42109, 49918, 49919, 49920,
  // The server is short of memory, of lock memory, or of memory for a query.
  701, 802, 1204, 8645, 8651,
  // The server or an administrator ended the session.
  596,
  // A page moved under a claim's read of uncommitted messages.
  601,
  // Azure SQL ended the session because of a long transaction, or because it used too many locks, or too much tempdb,
  // log or memory.
  40549,
  40550, 40551, 40552, 40553,
  // A replica of an availability group is not readable or not online now.
  976, 983,
  // The server ended the session's transaction.
  3971,
]);

export const missingObject = new Set([208, 2812, 2715, 15151]);
export const wrongParameters = new Set([201, 8144, 8145, 8146, 207, 213]);
export const noRight = new Set([229, 230, 262, 297, 300, 916]);
export const full = new Set([1101, 1105, 9002, 40544]);
export const readOnly = new Set([3906, 978]);
/** Also the errors of a replica that is not readable or not online. */
const notPrimary = new Set([...readOnly, 976, 983]);
export const readOnlyText = /in a read-only transaction/i;
// 3908: the database is in emergency mode or damaged.
export const corrupt = new Set([823, 824, 825, 3908]);

/**
 * Babelfish reports an error under this number when it does not know SQL Server's number for it, as for a missing
 * object.
 */
export const babelfishUnmapped = 33557097;

export function errorNumber(error: unknown): number | null {
  const original = propertyOf(error, 'originalError');
  const found =
    propertyOf(error, 'number') ??
    propertyOf(original, 'number') ??
    propertyOf(propertyOf(original, 'info'), 'number');
  return typeof found === 'number' ? found : null;
}

/**
 * Whether the server refused a call because it is not, or no longer, the primary. After a failover, new connections find
 * the primary. The error may be any that a handler threw.
 */
export function isNotPrimary(error: unknown): boolean {
  const number = errorNumber(error);
  if (number === null) return false;
  return (
    notPrimary.has(number) ||
    (number === babelfishUnmapped && readOnlyText.test(String(propertyOf(error, 'message'))))
  );
}
