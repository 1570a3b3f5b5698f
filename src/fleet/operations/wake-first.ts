/** Wakes from a queue, which name a tenant by one or more possible ids. */
import { isMultiOutboxError } from '../../errors.ts';

/**
 * Wakes the first of these tenants that exists, and returns its id. A paused tenant's wake is dropped: resuming the
 * tenant also wakes it.
 * @param tenantIds at least one
 * @throws MultiOutboxError UNKNOWN_TENANT, or the registry's error
 */
export async function wakeFirst(
  tenantIds: readonly string[],
  wake: (tenantIds: readonly string[]) => Promise<unknown>,
): Promise<string> {
  const [tenantId, ...others] = tenantIds as [string, ...string[]];
  try {
    await wake([tenantId]);
  } catch (error) {
    if (isMultiOutboxError(error, 'UNKNOWN_TENANT') && others.length > 0) return wakeFirst(others, wake);
    if (!isMultiOutboxError(error, 'TENANT_NOT_ACTIVE')) throw error;
  }
  return tenantId;
}
