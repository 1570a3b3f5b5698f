import { MultiOutboxError } from '../errors.ts';
import type { MultiOutbox } from '../multi-outbox.ts';

/** True when there was no registry. An outdated one is left to `migrate`, where the operator means it. */
export async function createRegistry(multiOutbox: MultiOutbox): Promise<boolean> {
  if ((await multiOutbox.registrySchema()).version !== 0) return false;
  const [migration] = await multiOutbox.migrate({ tenants: [] });
  if (migration?.error) throw new MultiOutboxError(migration.error.code as never, migration.error.message);
  return true;
}
