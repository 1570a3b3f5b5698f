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
  | 'DUPLICATE_HANDLER'
  | 'PACKAGE_MISSING'
  | 'TRANSACTION_NOT_OPEN'
  | 'WRONG_DATABASE'
  // The fleet
  | 'UNKNOWN_TENANT'
  | 'TENANT_EXISTS'
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

/** The one error class of the library. Distinguish errors by `code`, never by message. */
export class MultiOutboxError extends Error {
  readonly code: ErrorCode;
  readonly tenantId: string | undefined;
  readonly transient: boolean;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'MultiOutboxError';
    this.code = code;
    this.tenantId = details.tenantId;
    this.transient = details.transient ?? false;
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
  if (!isError(error) || error.name !== 'MultiOutboxError') return false;
  const { code } = error as Partial<MultiOutboxError>;
  return typeof code === 'string' && (codes.length === 0 || isOneOf(code, codes));
}

function isOneOf(code: ErrorCode, codes: readonly ErrorCode[]): boolean {
  return codes.includes(code);
}

/** True also for errors of another realm (node:vm), which are not instances of this realm's Error. */
export function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || types.isNativeError(thrown);
}

/** The text of a thrown value, whether it is an Error or not. Never throws, even if reading the value does. */
export function errorText(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  try {
    if (typeof thrown === 'object' && thrown !== null) {
      const { message, name } = thrown as Partial<Error>;
      if (typeof message === 'string' && message !== '') return message;
      if (isError(thrown)) return typeof name === 'string' && name !== '' ? name : 'Error';
    }
    return `a value that is not an Error was thrown: ${JSON.stringify(thrown) ?? String(thrown)}`;
  } catch {
    return 'a value that is not an Error and has no text was thrown';
  }
}

/** An error as reports keep it: its code, and one line. */
export function describeError(error: unknown): { code: string; message: string } {
  if (isMultiOutboxError(error)) return { code: error.code, message: error.message };
  return {
    code: 'INTERNAL',
    message: isError(error) ? `${error.name}: ${errorText(error)}` : errorText(error),
  };
}

/** A driver's text on one line, cut to 500 characters. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 500);
}
