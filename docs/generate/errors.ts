import type { ErrorCode } from '../../src/errors.ts';

/** What a code means, and what to do. A code that the library gains is missing here until it is explained. */
const explanations: Readonly<Record<ErrorCode, readonly [meaning: string, remedy: string]>> = {
  INVALID_ARGUMENT: ['an argument of a call makes no sense', 'what the message says'],
  INVALID_CONFIGURATION: [
    'a setting, an option or the set of handlers cannot be used',
    'what the message says; configuration.md lists what is allowed',
  ],
  INVALID_MESSAGE: ['a message cannot be stored as it is', 'change it; nothing of the call was stored'],
  INVALID_TENANT: ["a tenant's definition cannot be used", 'what the message says'],
  DUPLICATE_HANDLER: ['two handlers are for one topic', 'remove one of the two that are named'],
  PACKAGE_MISSING: [
    'a package that only some installations need is not installed',
    'install it with the command in the message',
  ],
  TRANSACTION_NOT_OPEN: [
    'a transaction was handed in that is not open, or a handler ended its own',
    'begin it before, and commit it after the call; leave COMMIT and ROLLBACK to `context.transaction`',
  ],
  WRONG_DATABASE: [
    "the transaction handed in is on another database than the tenant's",
    "use a connection to the tenant's database",
  ],
  UNKNOWN_TENANT: ['no tenant has this id, or it is retired', '`tenants list`; `tenants add`'],
  TENANT_EXISTS: ['the id is taken', 'change that tenant, or choose another id'],
  TENANT_NOT_ACTIVE: ['the tenant is paused or retired', '`tenants resume`, or `tenants add`'],
  DATABASE_IN_USE: [
    'the database belongs to another tenant',
    'one tenant, one database: retire the other one, or use another database',
  ],
  REGISTRY_UNAVAILABLE: [
    'the registry cannot be read, and nothing is known from before',
    "look at the registry's database; it is tried again by itself",
  ],
  POISONED: [
    'requests for the tenant could not be read or served',
    'status and the log say why; usually planner and dispatcher are of different releases',
  ],
  SCHEMA_MISSING: ['the database has no tables of multi-outbox', '`migrate --tenant ID`'],
  SCHEMA_OUTDATED: ["the database's schema is older than this program can work with", '`migrate --all`'],
  SCHEMA_TOO_NEW: [
    'a newer program has migrated the database, and this one is to migrate it',
    'migrate with that one, or update this program',
  ],
  SCHEMA_CHANGED: [
    'a step that was applied is not the step that this program knows',
    'somebody changed a released step: `doctor` shows what differs',
  ],
  DATABASE_MISSING: ['there is no such database', 'create or restore it, or correct the tenant'],
  DATABASE_LOCKED: [
    'somebody else holds locks for too long',
    'end the long transaction; it is tried again by itself',
  ],
  DATABASE_READONLY: ['the database, or its file, cannot be written', 'give the rights, or end the failover'],
  DATABASE_CORRUPT: ['the file is damaged, or is no database', 'restore it; the next run picks it up'],
  DATABASE_FULL: ['no room is left', 'make room; nothing is lost meanwhile'],
  DATABASE_UNREACHABLE: [
    'the server does not answer',
    'network, firewall, name; it is tried again by itself',
  ],
  DATABASE_RESUMING: ['the database wakes from auto-pause', 'nothing: it is tried again, and is no failure'],
  LOGIN_REFUSED: [
    'the server or the database refuses the login',
    "the identity's user and roles (sql-server.md), or the app setting that the tenant names",
  ],
  DRIVER_UNSUPPORTED: [
    "the database's driver is a release that this program cannot work with",
    'install the versions that the message names',
  ],
  DATABASE_ERROR: ['the database refused for another reason', 'what the message says'],
  LEASE_LOST: [
    'the lease was taken or freed, or its time ran out; in `context.transaction`: a newer run has the message, and all was rolled back',
    'nothing was written under it since; a longer duration if it happens often',
  ],
  UNSUPPORTED_NODE: ['this Node is older than what `engines` in package.json names', 'install a newer Node'],
  CLOSED: ['the multi-outbox was closed', 'make another one'],
  ABORTED: ['the signal fired, or the time was up', 'as the reason says'],
};

/** Every code, what it means and what to do. */
export function errorsTable(): string {
  const rows = Object.entries(explanations).map(
    ([code, [meaning, remedy]]) => `| \`${code}\` | ${meaning} | ${remedy} |`,
  );
  return ['| code | means | then |', '| --- | --- | --- |', ...rows, ''].join('\n');
}
