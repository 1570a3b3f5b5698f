import { asCalled } from './as-called.ts';
import { FailedError } from './errors.ts';
import { counted, number } from './output/text.ts';

/** Why a command over several tenants failed for one of them. */
export interface TenantFailure {
  /** Null for the registry. */
  readonly tenantId: string | null;
  readonly code: string;
  readonly message: string;
}

/**
 * Makes the command fail after it has shown its results. A tenant's failure does not stop the others (D8), but the
 * exit code must report it.
 * @throws FailedError that names the first failure, if there is any
 */
export function throwFailures(failures: readonly TenantFailure[]): void {
  const first = failures[0];
  if (first === undefined) return;
  const subject = first.tenantId === null ? 'The registry' : `Tenant '${first.tenantId}'`;
  const others = failures.length > 1 ? `, and ${othersText(failures.slice(1))} failed too` : '';
  throw new FailedError(
    `${subject} failed with ${first.code}: ${first.message.replace(/\.$/, '')}${others}.`,
  );
}

const mostNamed = 5;

/** `2 others (beta, cedar)` */
function othersText(others: readonly TenantFailure[]): string {
  const named = others.slice(0, mostNamed).map(({ tenantId }) => tenantId ?? 'the registry');
  return `${counted(others.length, 'other')} (${named.join(', ')}${others.length > mostNamed ? ', …' : ''})`;
}

/** How many of the selected tenants an answer is about. */
export interface Reach {
  readonly selected: number;
  /** Tenants behind the end of a page were not read, and have not failed. */
  readonly read: number;
  readonly failed: number;
}

/**
 * Which tenants an answer is about, for the end of its sentence: nothing if none failed. A tenant that could not be read
 * may have what the others have not.
 */
export function whereRead({ selected, read, failed }: Reach): string {
  if (failed === 0) return '';
  return ` in ${number(read)} of ${counted(selected, 'tenant')}; ${number(failed)} could not be read`;
}

/** For a command on all tenants of a fleet that has none. */
export const noTenants = asCalled("There are no tenants yet; add one with 'multi-outbox tenants add ID'.");
