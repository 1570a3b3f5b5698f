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
  const others = failures.length > 1 ? `, and ${counted(failures.length - 1, 'other')} failed too` : '';
  throw new FailedError(
    `${subject} failed with ${first.code}: ${first.message.replace(/\.$/, '')}${others}.`,
  );
}
