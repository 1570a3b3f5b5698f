/** The tenants of an operation, and how many of their messages match. */
import type { MessageFilter } from '../../engine/message-search.ts';
import type { TenantError } from '../../engine/operation-store.ts';
import type { Registry } from '../../engine/registry.ts';
import type { QueueName, WorkQueue } from '../../engine/work-queue.ts';
import { describeError } from '../../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { type CheckedBounds, countAll } from './search.ts';

export interface CountedTenants {
  readonly counted: number;
  /** Whether counting ended early in a tenant, so that there are as many or more. */
  readonly atLeast: boolean;
  /** The tenants that have matching messages. */
  readonly tenants: readonly TenantCount[];
  readonly failures: readonly TenantError[];
}

export interface TenantCount {
  readonly tenantId: string;
  readonly count: number;
  /** Whether counting ended early, so that there are as many or more. */
  readonly atLeast: boolean;
}

export interface TenantQueues {
  useQueue<T>(tenantId: string, queue: QueueName, action: (queue: WorkQueue) => Promise<T>): Promise<T>;
}

export const tenantsAtOnce = 8;
/** Of the count of one tenant. */
export const countBounds = { examine: 1_000_000_000, timeoutMs: 60_000 };

/** Sorted, so that progress can name the last one that was tried. */
export async function tenantsOf(
  registry: Pick<Registry, 'list'>,
  tenants: readonly string[] | null,
): Promise<string[]> {
  if (tenants !== null) return [...new Set(tenants)].sort();
  return (await registry.list())
    .filter(({ status }) => status !== 'retired')
    .map(({ id }) => id)
    .sort();
}

/** Counts the messages that an act would change. A tenant's failure does not stop the others (D8). */
export async function countInTenants(
  access: TenantQueues,
  tenantIds: readonly string[],
  queue: QueueName,
  filter: MessageFilter,
  onTenant: (done: number, of: number) => void = () => {},
  bounds: CheckedBounds = countBounds,
): Promise<CountedTenants> {
  const failures: TenantError[] = [];
  let done = 0;
  const counts = await inParallel(tenantIds, tenantsAtOnce, async (tenantId) => {
    try {
      return await access.useQueue(tenantId, queue, (opened) =>
        // An act does not leave out what a run has locked for a moment, so its count does not, either.
        countAll(opened, filter, { ...bounds, waits: true }),
      );
    } catch (error) {
      failures.push({ tenantId, ...describeError(error) });
      return { count: 0, cut: null };
    } finally {
      onTenant(++done, tenantIds.length);
    }
  });
  const tenants = tenantIds
    .map((tenantId, index) => ({
      tenantId,
      count: counts[index]!.count,
      atLeast: counts[index]!.cut !== null,
    }))
    .filter(({ count, atLeast }) => count > 0 || atLeast);
  return { ...sumOf(tenants), tenants, failures: sorted(failures) };
}

export function sumOf(tenants: readonly TenantCount[]): Pick<CountedTenants, 'counted' | 'atLeast'> {
  return {
    counted: tenants.reduce((sum, { count }) => sum + count, 0),
    atLeast: tenants.some(({ atLeast }) => atLeast),
  };
}

export function sorted(failures: readonly TenantError[]): TenantError[] {
  return [...failures].sort((a, b) => (a.tenantId < b.tenantId ? -1 : 1));
}
