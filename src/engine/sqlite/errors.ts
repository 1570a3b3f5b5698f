/**
 * Translates SQLite's errors into this library's errors, which have a code, the tenant, and what to do next. The low
 * byte of SQLite's result code identifies the error; the other bytes only add detail.
 */
import { MultiOutboxError, oneLine } from '../../errors.ts';

/** The database that an error is about. */
export interface Subject {
  /** Undefined for the registry. */
  readonly tenantId: string | undefined;
  /** The database file, for people to find it; ':memory:' when there is no file. */
  readonly path: string;
}

/** The access that the file system allows to a database file. `broken-link`: it is a link
 * to nothing. `too-many-open`: the process has no descriptors left. */
export type FileAccess = 'missing' | 'broken-link' | 'read-only' | 'read-write' | 'too-many-open';

/** SQLite's primary result codes that this library distinguishes. */
const resultCode = {
  error: 1,
  busy: 5,
  locked: 6,
  readOnly: 8,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  /** Two connections kept racing for the WAL's locks; trying again helps. */
  protocol: 15,
  constraint: 19,
  notADatabase: 26,
} as const;

/** SQLite's primary result code of an error that node:sqlite threw; null for any other error. */
export function sqliteCode(error: unknown): number | null {
  const { errcode } = (error ?? {}) as { errcode?: unknown };
  return typeof errcode === 'number' ? errcode & 0xff : null;
}

/**
 * Reads the property instead of testing the class, because an error of Node's own modules need not be an instance of
 * this context's Error.
 */
function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : String(error);
}

/** True when another connection's lock prevented the statement: nothing was changed, and trying again may help. */
export function isLocked(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === resultCode.busy || code === resultCode.locked || code === resultCode.protocol;
}

/** True when SQLite could not open the file or one of its companions. */
export function isUnopened(error: unknown): boolean {
  return sqliteCode(error) === resultCode.cantOpen;
}

/** True when a constraint or a trigger refused a write; the connection and the file are intact. */
export function isRefused(error: unknown): boolean {
  return sqliteCode(error) === resultCode.constraint;
}

export function subjectName(subject: Subject): string {
  return subject.tenantId === undefined ? 'the registry' : `tenant '${subject.tenantId}'`;
}

/** The command that brings this database's schema up to date. */
export function migrateCommand(subject: Subject): string {
  return subject.tenantId === undefined
    ? 'multi-outbox migrate --registry-only'
    : `multi-outbox migrate --tenant ${subject.tenantId}`;
}

export function databaseMissing(subject: Subject): MultiOutboxError {
  return new MultiOutboxError(
    'DATABASE_MISSING',
    `${subjectName(subject)}: there is no database file ${subject.path}; correct its path, or create it with '${migrateCommand(subject)}'`,
    { ...about(subject) },
  );
}

export function databaseLinked(subject: Subject, link: string): MultiOutboxError {
  const what =
    link === subject.path
      ? `the database file ${link} is a symbolic link to a file that does not exist; restore that file, or remove the link`
      : `${link}, which SQLite keeps beside the database, is a symbolic link; move the file that it names back, or remove the link if there is none`;
  return new MultiOutboxError('DATABASE_MISSING', `${subjectName(subject)}: ${what}`, { ...about(subject) });
}

export function databaseShared(subject: Subject, otherPath: string): MultiOutboxError {
  return new MultiOutboxError(
    'DATABASE_IN_USE',
    `${subjectName(subject)}: the database file ${subject.path} is another name (a hard link) of ${otherPath}, which is open; give each tenant a file of its own`,
    { ...about(subject) },
  );
}

export function schemaMissing(subject: Subject, cause?: unknown): MultiOutboxError {
  return new MultiOutboxError(
    'SCHEMA_MISSING',
    `${subjectName(subject)}: the database ${subject.path} does not have multi-outbox's tables; run '${migrateCommand(subject)}'`,
    { ...about(subject), cause },
  );
}

export function closedError(subject: Subject): MultiOutboxError {
  return new MultiOutboxError(
    'CLOSED',
    `${subjectName(subject)}: the database was closed; close multi-outbox only after the last call, or create it again`,
    {
      ...about(subject),
    },
  );
}

/** Converts any error that a database call threw to an error of this library. */
export function explain(error: unknown, subject: Subject, access: () => FileAccess): MultiOutboxError {
  if (error instanceof MultiOutboxError) return error;
  const who = subjectName(subject);
  const at = `the database ${subject.path}`;
  const details = { ...about(subject), cause: error };
  switch (sqliteCode(error)) {
    case resultCode.busy:
    case resultCode.locked:
    case resultCode.protocol:
      if (messageOf(error).includes('statements in progress'))
        return new MultiOutboxError(
          'DATABASE_ERROR',
          `${who}: ${at} cannot commit while the rows of a statement that writes are being read; read all of them, for instance with all() instead of iterate()`,
          details,
        );
      return new MultiOutboxError(
        'DATABASE_LOCKED',
        `${who}: ${at} stayed locked by another connection for longer than the busy timeout; end the long transaction there, or raise MULTI_OUTBOX_SQLITE_BUSY_TIMEOUT`,
        { ...details, transient: true },
      );
    case resultCode.full:
      return new MultiOutboxError(
        'DATABASE_FULL',
        `${who}: ${at} cannot grow, because the disk is full or its page limit is reached; make room and try again`,
        details,
      );
    case resultCode.readOnly:
      return readOnly(subject, error);
    case resultCode.corrupt:
    case resultCode.notADatabase:
      return new MultiOutboxError(
        'DATABASE_CORRUPT',
        `${who}: ${at} is damaged or is not an SQLite database; replace it with an intact copy`,
        details,
      );
    case resultCode.cantOpen:
      switch (access()) {
        case 'missing':
          return databaseMissing(subject);
        case 'broken-link':
          return databaseLinked(subject, subject.path);
        case 'read-only':
          return readOnly(subject, error);
        case 'too-many-open':
          return tooManyOpen(subject, error);
      }
      return new MultiOutboxError(
        'DATABASE_ERROR',
        `${who}: ${at} cannot be opened; check that it is a file and that this program may read and write it and its folder`,
        details,
      );
    case resultCode.constraint:
      return new MultiOutboxError(
        'DATABASE_ERROR',
        `${who}: ${at} refused a write (${oneLine(messageOf(error))}); correct what is written, or the constraint or trigger that refuses it`,
        details,
      );
    case resultCode.error:
      if (messageOf(error).startsWith('no such table')) return schemaMissing(subject, error);
      break;
  }
  return new MultiOutboxError(
    'DATABASE_ERROR',
    `${who}: a call to ${at} failed (${oneLine(messageOf(error))}); check the disk, and check the file with 'PRAGMA integrity_check'`,
    details,
  );
}

function tooManyOpen(subject: Subject, cause: unknown): MultiOutboxError {
  return new MultiOutboxError(
    'DATABASE_ERROR',
    `${subjectName(subject)}: the database ${subject.path} cannot be opened, because this process has as many files open as it may; raise its limit (ulimit -n), or lower MULTI_OUTBOX_MAX_OPEN_DATABASES and MULTI_OUTBOX_PARALLEL_RUNS`,
    { ...about(subject), cause, transient: true },
  );
}

function readOnly(subject: Subject, cause: unknown): MultiOutboxError {
  return new MultiOutboxError(
    'DATABASE_READONLY',
    `${subjectName(subject)}: the database ${subject.path} cannot be written; give this program the right to write the file and its folder`,
    { ...about(subject), cause },
  );
}

function about(subject: Subject): { tenantId?: string } {
  return subject.tenantId === undefined ? {} : { tenantId: subject.tenantId };
}
