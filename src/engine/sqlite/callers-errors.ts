/** Errors of the callers' own drivers and libraries, which name SQLite's result code in forms of their own. */
import { errorLabel, MultiOutboxError, propertyOf } from '../../errors.ts';

/** SQLite's names of the result codes that errors.ts distinguishes. */
const codes: Readonly<Record<string, number>> = {
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_READONLY: 8,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_PROTOCOL: 15,
  SQLITE_NOTADB: 26,
};

/** The properties in which libraries keep the error of their driver. */
const inner = ['driverError', 'original', 'cause'];

/**
 * The error in the form of node:sqlite. Its message is only a label, because libraries write the statement and its
 * parameters into theirs, and a parameter is the payload.
 */
export function likeNodeSqlite(error: unknown): unknown {
  if (error instanceof MultiOutboxError) return error;
  return Object.assign(new Error(errorLabel(error), { cause: error }), { errcode: resultCode(error) });
}

function resultCode(error: unknown): number | undefined {
  const errcode = propertyOf(error, 'errcode');
  if (typeof errcode === 'number') return errcode;
  const [name] = /^SQLITE_[A-Z]+/.exec(String(propertyOf(error, 'code'))) ?? [];
  if (name !== undefined && codes[name] !== undefined) return codes[name];
  const next = inner.map((property) => propertyOf(error, property)).find((found) => found instanceof Error);
  return next === undefined || next === error ? undefined : resultCode(next);
}
