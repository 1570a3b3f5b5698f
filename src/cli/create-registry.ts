import { MultiOutboxError } from '../errors.ts';
import type { MultiOutbox } from '../multi-outbox.ts';

/**
 * Creates the registry if it is missing, and returns whether it did. It does not upgrade an outdated registry; an
 * operator runs `migrate` for that.
 */
export async function createRegistry(multiOutbox: MultiOutbox): Promise<boolean> {
  if ((await multiOutbox.registrySchema()).version !== 0) return false;
  const [migration] = await multiOutbox.migrate({ tenants: [] });
  if (migration?.error) throw new MultiOutboxError(migration.error.code as never, migration.error.message);
  return true;
}
