/** Places for the embedded engine: a temporary folder with a folder for each place. */
import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Place, Places } from '../place.ts';
import { openRawRegistry } from './raw-registry.ts';
import { openRawTenant } from './raw-tenant.ts';

/** @param parent an existing folder, on the disk to be measured */
export function sqlitePlaces(parent: string): Places {
  const root = mkdtempSync(join(parent, 'multi-outbox-bench-'));
  const remove = () => rmSync(root, { recursive: true, force: true });
  // Node calls this also when a benchmark fails or is interrupted.
  process.once('exit', remove);
  return {
    kind: 'sqlite',
    rawLoop:
      'The raw loop claims, reads and settles by three statements in one transaction a step, on the same table; it has no lease, fence, ordering, recovery or report.',
    minimalLoop: null,
    scale: 1,
    coldCalls: 0,
    messagesAtMost: 50_000,
    callsAtMost: Number.POSITIVE_INFINITY,
    open: async (name) => openPlace(join(root, name)),
    remove: async () => remove(),
  };
}

function openPlace(folder: string): Place {
  const registry = join(folder, 'registry.db');
  const fileOf = (tenantId: string) => join(folder, 'tenants', `${tenantId}.db`);
  mkdirSync(join(folder, 'tenants'), { recursive: true });
  return {
    registry: `sqlite:${registry}`,
    newTenant: async (id) => ({ id }),
    async copyTenant(from, to) {
      copyFileSync(fileOf(from), fileOf(to), constants.COPYFILE_FICLONE);
      flush(fileOf(to));
      flush(dirname(fileOf(to)));
      return { id: to };
    },
    async removeTenant(tenantId) {
      for (const suffix of ['', '-wal', '-shm']) rmSync(fileOf(tenantId) + suffix, { force: true });
    },
    rawTenant: async (tenantId) => openRawTenant(fileOf(tenantId)),
    rawRegistry: async () => openRawRegistry(registry),
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Writes pending data to disk now, and not during a measurement. */
function flush(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
