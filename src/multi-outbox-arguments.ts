/** The names of the options that a multi-outbox's calls take, and the checks of their arguments. */
import { MultiOutboxError, shownValue } from './errors.ts';
import { tenantIdsOf, wholeNumberOf } from './fleet/messages/selection.ts';
import type { ExamineOptions } from './fleet/operations/doctor.ts';
import type { HistoryOptions } from './fleet/operations/history.ts';
import type { LeaseInTenantsOptions } from './fleet/operations/lease-in-tenants.ts';
import type { MigrateOptions } from './fleet/operations/migrate.ts';
import { leaseOptionNames } from './lease/leases.ts';
import type { MultiOutboxOptions, TickOptions } from './multi-outbox-interface.ts';
import { isOneLine, type NamesOf } from './options.ts';
import { settingNames } from './settings.ts';

export const optionNames: NamesOf<MultiOutboxOptions> = {
  tenants: true,
  handlers: true,
  strategy: true,
  logger: true,
  onError: true,
  onDeadMessage: true,
  owner: true,
  actor: true,
  ...settingNames,
};
export const tickNames: NamesOf<TickOptions> = { signal: true, onRun: true };
export const withLeasesNames: NamesOf<LeaseInTenantsOptions> = {
  tenants: true,
  parallel: true,
  ...leaseOptionNames,
};
export const historyNames: NamesOf<HistoryOptions> = { tenant: true, since: true, step: true };
export const migrateNames: NamesOf<MigrateOptions> = {
  tenants: true,
  dryRun: true,
  resume: true,
  parallel: true,
  onTenant: true,
};
export const doctorNames: NamesOf<ExamineOptions> = { tenants: true, parallel: true, onTenant: true };

/** Tenants and databases that are worked on at once; more would only wait for each other. */
export const mostParallel = 1_000;

export function checkScope(
  call: string,
  { tenants, parallel }: { readonly tenants?: readonly string[]; readonly parallel?: number },
): void {
  if (tenants !== undefined) tenantIdsOf(call, tenants);
  if (parallel !== undefined) wholeNumberOf(call, 'parallel', parallel, 1, mostParallel);
}

export function checkName(name: string, given: unknown, most: number): void {
  if (isOneLine(given, most)) return;
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    `createMultiOutbox: '${name}' must be text of 1 to ${most} characters on one line, got ${shownValue(given)}.`,
  );
}

/** @throws INVALID_ARGUMENT when it is not the id of a queue's message */
export function checkQueueMessageId(call: string, given: unknown): void {
  if (given === undefined || isOneLine(given, 1_000)) return;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `${call}: 'messageId' must be text of 1 to 1000 characters on one line, got ${shownValue(given)}; pass the id that the queue gave the message, or leave it out.`,
  );
}

export function checkedId(call: string, tenantId: unknown): void {
  if (typeof tenantId === 'string') return;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `${call}: a tenant's id must be text, got ${shownValue(tenantId)}.`,
  );
}
