import type { ErrorCode } from '../../src/errors.ts';

/** The meaning of each code, and what to do about it. TypeScript requires an entry for every `ErrorCode`. */
const explanations: Readonly<Record<ErrorCode, readonly [meaning: string, remedy: string]>> = {
  INVALID_ARGUMENT: ['an argument of a call is invalid', 'correct it as the message says'],
  INVALID_CONFIGURATION: [
    'a setting, an option or the set of handlers is invalid',
    'correct it as the message says; configuration.md lists the settings',
  ],
  INVALID_MESSAGE: ['a message is invalid', 'correct it as the message says; the call stored nothing'],
  INVALID_TENANT: [
    "a tenant's definition is invalid, or its row in the registry cannot be read",
    'correct it as the message says',
  ],
  MESSAGE_NOT_FOUND: ['no message has this id', 'check the id, the tenant and the queue'],
  MESSAGE_CHANGED: [
    'the message was not replaced, because it is in flight, has ended, or has changed since it was read',
    'read it again, and decide again',
  ],
  OPERATION_NOT_FOUND: ['no operation has this id', 'list the operations'],
  OPERATION_CANCELLED: [
    'the operation has ended, so it cannot be resumed or cancelled',
    'create another one',
  ],
  DUPLICATE_HANDLER: ['two handlers have the same topic', 'remove one of them'],
  PACKAGE_MISSING: [
    'an optional package that this call needs is not installed',
    'install it with the command in the message',
  ],
  TRANSACTION_NOT_OPEN: [
    'the transaction given to a call is not open, or ended before the messages were stored, or a handler ended the transaction of `context.transaction`',
    'begin your transaction before the call, await the call, and commit afterwards; never end the transaction of `context.transaction` yourself',
  ],
  WRONG_DATABASE: [
    "the transaction given to the call is not on the tenant's database",
    "use a connection to the tenant's database",
  ],
  UNKNOWN_TENANT: [
    'no tenant has this id, or the tenant is retired',
    'check the id with `tenants list`; add the tenant with `tenants add`',
  ],
  TENANT_CHANGED: [
    'the tenant has changed since the version that the caller expected; nothing was written',
    'read the tenant again, and make the change on what it is now',
  ],
  TENANT_EXISTS: ['another tenant has this id', 'change that tenant, or choose another id'],
  TENANT_NOT_ACTIVE: [
    'the tenant is paused or retired',
    'run `tenants resume` for a paused tenant, or `tenants add` for a retired one',
  ],
  DATABASE_IN_USE: [
    'the database belongs to another tenant, or its file is open by another name',
    'give each tenant its own database: use another database, or retire the other tenant',
  ],
  REGISTRY_UNAVAILABLE: [
    'the registry cannot be read, and this process has not read it before',
    "check the registry's database; the library retries by itself",
  ],
  POISONED: [
    'dispatch requests for the tenant were invalid or failed repeatedly',
    'read the reason in `status` or the log; often the planner and the dispatcher run different releases',
  ],
  SCHEMA_MISSING: ['the database has no multi-outbox schema', 'run `migrate --tenant ID`'],
  SCHEMA_OUTDATED: ["the database's schema is too old for this program", 'run `migrate --all`'],
  SCHEMA_TOO_NEW: [
    'this program cannot migrate the database, because a newer program has already migrated it',
    'migrate with the newer program, or update this one',
  ],
  SCHEMA_CHANGED: [
    "an applied migration step differs from this program's step of that version",
    'a released step was changed; run `doctor` to see the difference, and restore the released step',
  ],
  DATABASE_MISSING: [
    'the database does not exist',
    "create or restore it, or correct the tenant's definition",
  ],
  DATABASE_UNSUPPORTED: [
    'the server, or the compatibility level of the database, is older than multi-outbox supports',
    'run the statement in the message, or upgrade the server; then run `migrate` again',
  ],
  DATABASE_LOCKED: [
    'another transaction held locks for too long; an enqueue waits for an open transaction that has stored the same dedup key or message id',
    'end the long transaction; runs retry by themselves; an enqueue that failed stored nothing, so you can repeat it',
  ],
  DATABASE_READONLY: [
    'the database or its file is read-only',
    'grant write access, or wait for the end of the failover',
  ],
  DATABASE_CORRUPT: [
    'the file is damaged, or is not a database',
    'restore it from a backup; the next run uses the restored file',
  ],
  DATABASE_FULL: ['the disk or the database is full', 'free or add space; no message is lost meanwhile'],
  DATABASE_UNREACHABLE: [
    'the server does not answer, or did not finish a call in time',
    'check the network, the firewall and the server name, and after a timeout look for long transactions too; the library retries by itself',
  ],
  DATABASE_RESUMING: [
    'the database is resuming from auto-pause',
    'do nothing; the library retries, and does not count this as a failure',
  ],
  LOGIN_REFUSED: [
    'the server or the database refused the login, the server has no database of that name, or there was no token for the login',
    "correct the database's name or create it; otherwise check the identity's user and roles (sql-server.md), or the app setting that the tenant's definition names",
  ],
  DRIVER_UNSUPPORTED: [
    'this program does not support the installed release of the database driver',
    'install the versions in the message',
  ],
  DATABASE_ERROR: ['the database reported another error', 'read the reason in the message'],
  LEASE_LOST: [
    'another owner took the lease, an operator released it, or it expired; in `context.transaction`: a newer run has the message, and the transaction was rolled back',
    'do nothing, because no write was made after the loss; if it happens often, use a longer duration',
  ],
  UNSUPPORTED_NODE: [
    'this version of Node is not in the range of `engines` in package.json',
    'install a newer Node',
  ],
  CLOSED: ['the multi-outbox was closed before or during the call', 'create a new one'],
  ABORTED: ['the signal aborted the call, or its time limit was reached', 'see the reason in the message'],
};

/** A table of every code, its meaning and what to do. */
export function errorsTable(): string {
  const rows = Object.entries(explanations).map(
    ([code, [meaning, remedy]]) => `| \`${code}\` | ${meaning} | ${remedy} |`,
  );
  return ['| code | meaning | what to do |', '| --- | --- | --- |', ...rows, ''].join('\n');
}
