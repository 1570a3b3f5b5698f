/**
 * Translates the errors of SQL Server and its driver into this library's errors, which have a code, the tenant, and what
 * to do next. It also says whether the call may have been carried out.
 */
import { type ErrorCode, MultiOutboxError, oneLine } from '../../errors.ts';
import { answerProblem } from './answer-guard.ts';
import { codeOfNumber } from './error-numbers.ts';
import {
  babelfishUnmapped,
  corrupt,
  errorNumber,
  full,
  missingObject,
  noRight,
  readOnly,
  readOnlyText,
  transientNumbers,
  wrongParameters,
} from './server-errors.ts';
import { tokenProblem } from './token-errors.ts';

/** The database that an error is about. */
export interface Subject {
  /** Undefined for the registry. */
  readonly tenantId: string | undefined;
  /** Server and database, for people to find it; no secrets. */
  readonly database: string;
}

/**
 * The fate of a failed call. `unsent`: it never reached the server. `refused`: the server says by its error that the call did
 * nothing, unless its procedure reads tables after the commit. `unclear`: the server answered with an error that can strike anywhere. Mostly everything was rolled back, but if the
 * error struck while the server was sending the result, the call was committed before. `unknown`: the answer was lost, so the
 * call may have been committed.
 */
export type Fate = 'unsent' | 'refused' | 'unclear' | 'unknown';

export interface Classified {
  readonly code: ErrorCode;
  readonly fate: Fate;
  readonly transient: boolean;
  /** Whether the call waited for a lock until its limit. */
  readonly waited?: true;
  /** Says what is wrong and what to do; the subject is added later. */
  readonly advice: string;
}

/** An error as mssql and tedious throw it; any field may be absent. */
interface DriverError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly number?: number;
  readonly originalError?: DriverError & { readonly info?: { readonly number?: number } };
  readonly cause?: DriverError;
}

/** Errors of the connection itself. While it is being opened, nothing has been sent; later, the answer is lost. */
const connectionCodes: ReadonlySet<string> = new Set([
  'ESOCKET',
  'ETIMEOUT',
  'ECONNCLOSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EINSTLOOKUP',
  'ENOTOPEN',
  'ECONNREFUSED',
  'ENOTFOUND',
  'ECLOSE',
]);

/** @param phase `connecting` until the connection is open, then `calling` */
export function classify(error: unknown, phase: 'connecting' | 'calling'): Classified {
  const driver = (error ?? {}) as DriverError;
  const number = errorNumber(error);
  const text = driver.message ?? String(error);
  const lost: Fate = phase === 'connecting' ? 'unsent' : 'unknown';
  if (driver.code === 'ECANCEL')
    return {
      code: 'ABORTED',
      fate: lost,
      transient: false,
      advice: 'the call was cancelled, and may have been carried out; check its effect before you call again',
    };
  if (driver.code === 'ENOTBEGUN' || driver.code === 'EABORT') {
    return {
      code: 'TRANSACTION_NOT_OPEN',
      fate: 'unsent',
      transient: false,
      advice: 'the given transaction is not open; begin it first, or leave it out',
    };
  }
  if (number === 40613) {
    return {
      code: 'DATABASE_RESUMING',
      fate: phase === 'connecting' ? 'unsent' : 'refused',
      transient: true,
      advice:
        'the database is resuming from auto-pause or failing over; dispatch retries by itself, but repeat any other call in a minute',
    };
  }
  const token = tokenProblem(error);
  if (token !== null) return { code: 'LOGIN_REFUSED', fate: 'unsent', transient: false, advice: token };
  const answer = answerProblem(error);
  if (answer !== null) return { code: 'DATABASE_ERROR', fate: lost, transient: false, advice: answer };
  if (
    driver.code === 'ELOGIN' ||
    driver.code === 'EFEDAUTH' ||
    driver.name?.includes('Credential') === true
  ) {
    return loginRefused(number, text);
  }
  if (number !== null) return ofNumber(number, text, phase);
  if (isConnectionError(driver)) {
    return {
      code: 'DATABASE_UNREACHABLE',
      fate: driver.code === 'ENOTOPEN' || driver.code === 'ECONNCLOSED' ? 'unsent' : lost,
      transient: true,
      advice: unreachable(driver, oneLine(text), phase),
    };
  }
  // The driver refused a parameter, so nothing was sent.
  if (driver.code === 'EPARAM' || driver.code === 'EARGS') {
    return {
      code: 'INVALID_ARGUMENT',
      fate: 'unsent',
      transient: false,
      advice: `the driver refused a parameter (${oneLine(text)}); correct the value`,
    };
  }
  return {
    code: 'DATABASE_ERROR',
    fate: lost,
    transient: false,
    advice: `${oneLine(text)}; for the details run with --verbose, or read error.cause`,
  };
}

function unreachable({ code }: DriverError, text: string, phase: 'connecting' | 'calling'): string {
  if (phase === 'connecting') {
    return `the server does not answer (${text}); check its name, the firewall and the network`;
  }
  if (code === 'ETIMEOUT') {
    return `the call was not finished in time (${text}); end long transactions that hold locks in this database, and if there are none, check the server's load and the network`;
  }
  return `the connection was lost (${text}); if this persists, check the network and the server's load`;
}

function isConnectionError(driver: DriverError): boolean {
  const codes = [
    driver.code,
    driver.originalError?.code,
    driver.originalError?.cause?.code,
    driver.cause?.code,
  ];
  return (
    codes.some((code) => code !== undefined && connectionCodes.has(code)) ||
    driver.name === 'TimeoutError' ||
    /socket hang up|connection (was )?(closed|lost)|premature|final state/i.test(driver.message ?? '')
  );
}

function loginRefused(number: number | null, text: string): Classified {
  const transient = number !== null && transientNumbers.has(number);
  // Babelfish sends no number for a database that does not exist.
  if (number === 4060 || /^database ".*" does not exist/.test(text)) {
    return {
      code: 'LOGIN_REFUSED',
      fate: 'unsent',
      transient,
      advice:
        'the server has no database of this name, or it is not online, or this login has no user in it; correct the name, create the database, or create the user',
    };
  }
  return {
    code: 'LOGIN_REFUSED',
    fate: 'unsent',
    transient,
    advice: `the server refused the login (${oneLine(text)}); check that the identity has a user in this database, or correct the connection string`,
  };
}

function ofNumber(number: number, text: string, phase: 'connecting' | 'calling'): Classified {
  const withFate =
    (fate: Fate) =>
    (code: ErrorCode, advice: string, transient = false): Classified => ({
      code,
      advice,
      transient,
      fate: phase === 'connecting' ? 'unsent' : fate,
    });
  const of = withFate('refused');
  const unclear = withFate('unclear');
  const own = codeOfNumber[number];
  if (own !== undefined) return of(own, oneLine(text));
  const unmapped = number === babelfishUnmapped;
  if (
    missingObject.has(number) ||
    (unmapped && /(procedure|relation|schema|function) .*does not exist/i.test(text))
  ) {
    return of('SCHEMA_MISSING', 'the database lacks the objects of multi-outbox');
  }
  if (wrongParameters.has(number) || (unmapped && /no parameter|parameter .*not/i.test(text))) {
    return of('SCHEMA_OUTDATED', `the database's procedures are older than this program requires`);
  }
  if (noRight.has(number) || (unmapped && /permission denied/i.test(text))) {
    return of(
      'LOGIN_REFUSED',
      `the login lacks a permission (${oneLine(text)}); add its user to the role that has it`,
    );
  }
  if (number === 1222 || (unmapped && /due to lock timeout/i.test(text))) {
    const advice =
      'the call waited too long for a lock of another transaction; end that transaction, or keep it shorter, and try again';
    return { ...of('DATABASE_LOCKED', advice, true), waited: true };
  }
  if (number === 1205) {
    return of(
      'DATABASE_LOCKED',
      'the call and another transaction waited for each other, so the server ended this call (a deadlock); try again',
      true,
    );
  }
  if (full.has(number))
    return unclear(
      'DATABASE_FULL',
      'the database or its log is full; free space or raise its limit, and try again',
    );
  if (readOnly.has(number) || (unmapped && readOnlyText.test(text)))
    return of(
      'DATABASE_READONLY',
      'the database is read-only or a secondary replica; make it writable, or connect to the primary',
    );
  if (corrupt.has(number))
    return unclear('DATABASE_CORRUPT', 'the database is damaged; run DBCC CHECKDB, or restore a backup');
  if (number === 911) return of('DATABASE_MISSING', 'the server has no such database; correct its name');
  if (transientNumbers.has(number)) {
    return unclear(
      'DATABASE_UNREACHABLE',
      `the server is busy or failing over (error ${number}); try again`,
      true,
    );
  }
  return unclear(
    'DATABASE_ERROR',
    `SQL Server answered error ${number}: ${oneLine(text)}; look the number up in SQL Server's documentation, and report the error if it comes again`,
  );
}

export function subjectName({ tenantId }: Subject): string {
  return tenantId === undefined ? 'the registry' : `tenant '${tenantId}'`;
}

/** The command that brings this database's schema up to date. */
export function migrateCommand({ tenantId }: Subject): string {
  return tenantId === undefined
    ? 'multi-outbox migrate --registry-only'
    : `multi-outbox migrate --tenant ${tenantId}`;
}

export function failure(code: ErrorCode, subject: Subject, what: string, cause?: unknown): MultiOutboxError {
  return new MultiOutboxError(code, `${subjectName(subject)}: ${what}`, {
    ...(subject.tenantId !== undefined && { tenantId: subject.tenantId }),
    ...(cause !== undefined && { cause }),
  });
}

/** The error that callers get. */
export function explain(error: unknown, classified: Classified, subject: Subject): MultiOutboxError {
  if (error instanceof MultiOutboxError) return error;
  const { code, advice, transient } = classified;
  const next =
    code === 'SCHEMA_MISSING' || code === 'SCHEMA_OUTDATED' ? `; run '${migrateCommand(subject)}'` : '';
  return new MultiOutboxError(code, `${subjectName(subject)} (${subject.database}): ${advice}${next}`, {
    ...(subject.tenantId !== undefined && { tenantId: subject.tenantId }),
    transient,
    cause: error,
  });
}
