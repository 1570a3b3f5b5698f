/** Errors of the callers' own libraries, which keep the driver's error in properties of their own. */
import { errorLabel, propertyOf } from '../../errors.ts';
import { errorNumbers } from './error-numbers.ts';
import { errorNumber } from './server-errors.ts';

const inner = ['driverError', 'original', 'cause'];

/** What the procedures say. The library's own text may contain the statement's parameters, and so the payload. */
const texts: Readonly<Record<number, string>> = {
  [errorNumbers.noTransaction]: 'no transaction is open on this connection; begin one first',
  [errorNumbers.otherDatabase]:
    "the connection is on another database than the tenant's; use a connection to the tenant's database",
};

/** The error in the form of mssql. */
export function likeMssql(error: unknown): object {
  const number = numberOf(error);
  const known = number === null ? undefined : texts[number];
  return {
    name: 'RequestError',
    code: propertyOf(error, 'code'),
    message: known ?? errorLabel(error),
    ...(number !== null && { number }),
  };
}

function numberOf(error: unknown): number | null {
  const number = errorNumber(error);
  if (number !== null) return number;
  const next = inner.map((name) => propertyOf(error, name)).find((found) => found instanceof Error);
  return next === undefined || next === error ? null : numberOf(next);
}
