import { FailedError } from './errors.ts';
import { counted } from './output/text.ts';

/** One tenant's trouble in a command over several; null for the registry. */
export interface TenantFailure {
  readonly tenantId: string | null;
  readonly code: string;
  readonly message: string;
}

/**
 * After the results were shown: one tenant's trouble does not keep the others from being served (D8), and the command
 * has failed all the same.
 * @throws FailedError that names the first, if there is any
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
