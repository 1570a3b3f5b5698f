import { FailedError } from './errors.ts';
import { counted } from './output/text.ts';

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

/**
 * Which tenants an answer is about, for the end of its sentence: nothing if every tenant was read, because a tenant that
 * could not be read may have what the others have not.
 */
export function whereRead(tenants: number, failures: readonly unknown[]): string {
  if (failures.length === 0) return '';
  return ` in the ${counted(tenants - failures.length, 'tenant')} that could be read; ${failures.length} could not`;
}
