import { types } from 'node:util';

/**
 * Every error that leaves this library carries one of these codes. Codes are stable; messages are not. A message says
 * in one line what is wrong and what to do next, and contains neither secrets nor payloads.
 */
export type ErrorCode =
  // The caller's input
  | 'INVALID_ARGUMENT'
  | 'INVALID_CONFIGURATION'
  | 'INVALID_MESSAGE'
  | 'INVALID_TENANT'
  | 'MESSAGE_NOT_FOUND'
  | 'MESSAGE_CHANGED'
  | 'OPERATION_NOT_FOUND'
  | 'OPERATION_CANCELLED'
  | 'DUPLICATE_HANDLER'
  | 'PACKAGE_MISSING'
  | 'TRANSACTION_NOT_OPEN'
  | 'WRONG_DATABASE'
  // The fleet
  | 'UNKNOWN_TENANT'
  | 'TENANT_EXISTS'
  | 'TENANT_CHANGED'
  | 'TENANT_NOT_ACTIVE'
  | 'DATABASE_IN_USE'
  | 'REGISTRY_UNAVAILABLE'
  | 'POISONED'
  // The schema of a database
  | 'SCHEMA_MISSING'
  | 'SCHEMA_OUTDATED'
  | 'SCHEMA_TOO_NEW'
  | 'SCHEMA_CHANGED'
  // The database itself
  | 'DATABASE_MISSING'
  | 'DATABASE_UNSUPPORTED'
  | 'DATABASE_LOCKED'
  | 'DATABASE_READONLY'
  | 'DATABASE_CORRUPT'
  | 'DATABASE_FULL'
  | 'DATABASE_UNREACHABLE'
  | 'DATABASE_RESUMING'
  | 'LOGIN_REFUSED'
  | 'DRIVER_UNSUPPORTED'
  | 'DATABASE_ERROR'
  // The program's own state
  | 'UNSUPPORTED_NODE'
  | 'LEASE_LOST'
  | 'CLOSED'
  | 'ABORTED';

export interface ErrorDetails {
  /** The tenant that the error is about, if any. */
  tenantId?: string | undefined;
  /** True when the same call may succeed a little later without any change. */
  transient?: boolean;
  cause?: unknown;
}

/** The most characters that are kept of a thrown error: as many as are stored with a message (Q14). */
const longestText = 4_000;

/** The one error class of the library. Distinguish errors by `code`, never by message. */
export class MultiOutboxError extends Error {
  readonly code: ErrorCode;
  readonly tenantId: string | undefined;
  readonly transient: boolean;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    // Callers may create errors, too: whatever they pass, this is an error with a text.
    const { tenantId, transient = false, cause } = ownFields(details);
    super(boundedLine(message), cause === undefined ? undefined : { cause });
    this.name = 'MultiOutboxError';
    this.code = code;
    this.tenantId = tenantId === undefined ? undefined : boundedId(tenantId);
    this.transient = transient;
  }
}

function ownFields(details: ErrorDetails): ErrorDetails {
  try {
    return { ...details };
  } catch {
    return {};
  }
}

/**
 * True for an error of this library or of another copy of it; with codes, only if the error has one of them. Narrows
 * `code` to the given codes.
 */
export function isMultiOutboxError<const Code extends ErrorCode = ErrorCode>(
  error: unknown,
  ...codes: readonly Code[]
): error is MultiOutboxError & { readonly code: Code } {
  if (!isError(error) || propertyOf(error, 'name') !== 'MultiOutboxError') return false;
  // The constructor stores `code` and `message` as plain values. A getter would be foreign code, which may throw when
  // it is read later.
  const code = ownValue(error, 'code');
  const isOurs = typeof code === 'string' && typeof ownValue(error, 'message') === 'string';
  return isOurs && (codes.length === 0 || (codes as readonly string[]).includes(code));
}

function ownValue(error: Error, name: string): unknown {
  return Object.getOwnPropertyDescriptor(error, name)?.value;
}

/**
 * True also for errors of another realm (node:vm), which are not instances of this realm's Error. False for a proxy:
 * reading a proxy calls foreign code, which may throw.
 */
export function isError(thrown: unknown): thrown is Error {
  if (types.isProxy(thrown)) return false;
  try {
    return types.isNativeError(thrown) || thrown instanceof Error;
  } catch {
    return false;
  }
}

/** Reads a property of a foreign value. Undefined if it has none, or if reading it throws. */
export function propertyOf(value: unknown, name: string): unknown {
  try {
    return (value as Record<string, unknown> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

/**
 * The message of a thrown error, cut to the length that is stored with a message. Any other thrown value is described
 * by its type, because it can be a payload. Never throws, even if reading the value does.
 */
export function errorText(thrown: unknown): string {
  if (!isError(thrown))
    return `A value of type ${typeOf(thrown)} was thrown; throw an Error, so that its message is kept.`;
  const message = propertyOf(thrown, 'message');
  return typeof message === 'string' && message !== '' ? message.slice(0, longestText) : errorName(thrown);
}

/**
 * The name of a thrown error; for any other value, a note that it is not an Error. Never the error's text, which may
 * quote a payload.
 */
export function errorName(error: unknown): string {
  if (!isError(error)) return 'not an Error';
  const name = propertyOf(error, 'name');
  return typeof name === 'string' && name !== '' ? name.slice(0, longestText) : 'Error';
}

/**
 * The name of a thrown error, and its code if it has one of capital letters, such as ECONNREFUSED. Never its text.
 */
export function errorLabel(error: unknown): string {
  const code = isError(error) ? propertyOf(error, 'code') : undefined;
  const name = errorName(error);
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? `${name} (${code})` : name;
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

/** An error as reports keep it: its code, and one line. */
export function describeError(error: unknown): { code: string; message: string } {
  if (isMultiOutboxError(error)) return { code: error.code, message: error.message };
  const text = errorText(error);
  return { code: 'INTERNAL', message: boundedLine(isError(error) ? `${errorName(error)}: ${text}` : text) };
}

const ignore = () => {};
const { then } = Promise.prototype;

/**
 * Returns a promise that keeps the contract of promises for a value that a foreign function returned: a thenable of any
 * kind, or a promise with a `then` of its own.
 */
export function adopted(returned: unknown): Promise<unknown> {
  if (!types.isPromise(returned)) return new Promise((resolve) => resolve(returned));
  const isPlain =
    Object.getPrototypeOf(returned) === Promise.prototype &&
    !Object.hasOwn(returned, 'then') &&
    !Object.hasOwn(returned, 'constructor');
  if (isPlain) return returned;
  try {
    // Its own `then` may pass no rejection on, and Node ends the process for one that nobody handles.
    then.call(returned, ignore, ignore);
  } catch {
    // Its constructor cannot be read.
  }
  return new Promise((resolve) => resolve(returned));
}

/**
 * Ignores the rejection of a promise that a foreign function returned although no promise was expected from it, or
 * passes it on. Node would end the process for an unhandled rejection.
 */
export function ignoreRejection(returned: unknown, onRejected: (error: unknown) => void = ignore): void {
  if (typeof returned !== 'object' || returned === null) return;
  adopted(returned).catch(onRejected);
}

/**
 * Reads a caller's value, which may be foreign code: a proxy, or an object with getters.
 * @param what what is read, such as "plan: 'capacity'"
 * @throws MultiOutboxError when reading it throws
 */
export function readable<Result>(
  what: string,
  read: () => Result,
  code: ErrorCode = 'INVALID_ARGUMENT',
): Result {
  try {
    return read();
  } catch (cause) {
    if (isMultiOutboxError(cause)) throw cause;
    throw new MultiOutboxError(
      code,
      `${what} cannot be read, because a getter or a proxy in it threw an error (${errorName(cause)}); give a plain value.`,
      { cause },
    );
  }
}

/** Whether a value is a list. False for a revoked proxy, for which `Array.isArray` throws. */
export function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** A function that a caller gave. @throws MultiOutboxError INVALID_ARGUMENT when it is none */
export function functionOf<Given>(call: string, name: string, given: Given): Given {
  if (typeof given === 'function') return given;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `${call}: '${name}' must be a function, got ${shownValue(given)}.`,
  );
}

/**
 * Shows a value in the error that refuses it. Text and numbers are cut to 100 characters; of any other value only the
 * type is shown.
 */
export function shownValue(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value).slice(0, 100);
}

/** Text that a sender chose, such as the name of an unknown field, for an error: one line of few characters. */
export function shownName(name: string, mostCharacters = 100): string {
  const line = name.slice(0, mostCharacters).replace(/\p{Cc}/gu, ' ');
  return name.length > mostCharacters ? `${line}…` : line;
}

/**
 * The longest text of an error of this library, in characters, so that an error that quotes a huge value stays
 * readable.
 */
const longestLine = 2_000;
/** Characters of a longer text that are kept from its end, which says what to do. */
const longestEnd = 500;

function boundedLine(given: string): string {
  const text = typeof given === 'string' ? given : shownValue(given);
  const kept =
    text.length > longestLine
      ? `${text.slice(0, longestLine - longestEnd - 1)}…${text.slice(-longestEnd)}`
      : text;
  return kept.replace(/\s*[\n\v\f\r\u0085\u2028\u2029]\s*/g, ' ');
}

/** Characters of a tenant's id. */
const longestId = 64;

/** A longer text cannot be a tenant's id, and must not fill a log. */
function boundedId(given: string): string {
  const text = typeof given === 'string' ? given : shownValue(given);
  return text.length > longestId ? `${text.slice(0, longestId)}…` : text;
}

/** A driver's text on one line, cut to 500 characters. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 500);
}
