import type { CreatedOperation } from '../../routes/operations.ts';
import { act } from '../api.ts';
import { counted } from '../format.ts';
import { addressOf, go } from '../location.tsx';
import { operationPaths } from '../operation-rules.ts';

/** The tenants of a large fleet are counted, and the host may decide about each. */
const countingMinutes = 10;

/**
 * Stores an operation on tenants, begins it, and leads to its page. The operator has confirmed it, so nothing is asked again; if
 * it cannot begin, its page offers that.
 */
export async function beginOperation(
  path: string,
  request: { readonly tenants: readonly string[]; readonly act?: string; readonly overrides?: object },
): Promise<string> {
  const { operation } = await act<CreatedOperation>(path, request, { minutes: countingMinutes });
  await act(`${operationPaths[operation.right]}/${operation.id}/run`).catch(() => {});
  go(addressOf(`/operations/${operation.id}`));
  return `An operation works on ${counted(request.tenants.length, 'tenant')}.`;
}
