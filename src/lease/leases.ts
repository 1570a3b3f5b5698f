/** Leases for users (L5), kept in one tenant's database or in the registry. */
import { randomUUID } from 'node:crypto';
import {
  type AcquireLease,
  type LeasedElsewhere,
  type LeaseRecord,
  type LeaseStore,
  type ListLeases,
  longestLeaseMs,
} from '../engine/lease-store.ts';
import { isPlanLease } from '../engine/plan-range.ts';
import { functionOf, MultiOutboxError, shownName, shownValue } from '../errors.ts';
import { booleanOf, isOneLine, type NamesOf, optionsOf, signalOf } from '../options.ts';
import { type DurationInput, parseDuration } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import { HeldLease, type Lease } from './lease.ts';

export interface LeaseOptions {
  /**
   * Milliseconds, or text such as '30s', from 100 ms to a day; default 30 s. The lease renews itself every third of
   * this duration. When its holder dies, other owners wait up to this long.
   */
  readonly durationMs?: DurationInput;
  /**
   * The lease's owner, 1 to 200 characters; by default each acquisition gets a name of its own. When the same owner
   * acquires the lease again, it takes the lease from itself (L2).
   */
  readonly owner?: string;
  /** The purpose of the lease, for people to read; up to 4,000 characters. */
  readonly context?: string;
  /**
   * When this signal fires, the lease's signal fires with the same reason. The holder keeps the lease until it
   * releases it, so that its work can end in order.
   */
  readonly signal?: AbortSignal;
}

/**
 * The result of work under a lease: the work's own result, or the lease's owner if the work was not started.
 */
export type UnderLease<Result> = { readonly status: 'done'; readonly result: Result } | LeasedElsewhere;

export interface Leases {
  /**
   * Takes the lease, or returns null when another owner has it. Names are compared exactly; 'plan', 'directory' and
   * names that begin with 'plan:' or 'queue:' are reserved.
   * @throws INVALID_ARGUMENT, ABORTED, UNKNOWN_TENANT, TENANT_NOT_ACTIVE, or the database's error
   */
  acquire(name: string, options?: LeaseOptions): Promise<Lease | null>;
  /**
   * Takes the lease, does the work and releases the lease. When another owner has the lease, the result names that
   * owner.
   * @throws what `acquire` throws; what the work throws; LEASE_LOST when the work ended after the lease was lost
   */
  withLease<Result>(
    name: string,
    options: LeaseOptions,
    work: (lease: Lease) => Promise<Result> | Result,
  ): Promise<UnderLease<Result>>;
  /**
   * Lists the leases that were ever taken in this database, the system's own included, sorted by name. They are never
   * removed, so there may be many: `limit` and `after` read them in pages.
   * @throws INVALID_ARGUMENT
   */
  list(query?: ListLeases): Promise<LeaseRecord[]>;
  /**
   * For operators: frees a lease, whichever owner has it. Returns the lease as it was, or null when it was
   * free. The holder notices at its next renewal, at the latest after a third of the lease's duration; then
   * its signal fires. Until then it works at the same time as the next holder, and only receivers that check
   * the fence can refuse it.
   */
  release(name: string, options?: ReleaseOptions): Promise<LeaseRecord | null>;
}

/** The most leases of a page. */
const mostListed = 10_000;
/** Of the name of a lease, in characters. */
const longestName = 200;

export interface ReleaseOptions {
  /** Who acts, for the record of acts: at most 200 characters. Default: the option `actor` of `createMultiOutbox`. */
  readonly by?: string;
}

export interface LeasesAccess {
  /** Opens the database for as long as the action takes. */
  use<T>(action: (store: LeaseStore) => Promise<T>): Promise<T>;
  /** Undefined for the registry's leases. */
  readonly tenantId: string | undefined;
  /** The instance name from which owner names are made. */
  readonly owner: string;
  readonly closed: AbortSignal;
  readonly logger: Logger;
}

/** Takes a lease that renews itself, or returns which owner has it. */
export async function takeLease(
  { use, tenantId, closed, logger }: Omit<LeasesAccess, 'owner'>,
  request: AcquireLease,
  signal?: AbortSignal,
): Promise<HeldLease | LeasedElsewhere> {
  const sentAt = performance.now();
  const acquired = await use((store) => store.acquire(request));
  if (acquired.status === 'leased-elsewhere') return acquired;
  const { name, owner, durationMs } = request;
  const { fence, acquisitionId } = acquired;
  const ref = { name, owner, fence, acquisitionId };
  return new HeldLease({
    ref,
    tenantId,
    durationMs,
    acquired,
    sentAt,
    renew: () => use((store) => store.renew(ref, durationMs)),
    release: () => use((store) => store.release(ref)),
    signal,
    closed,
    logger,
  });
}

export const leaseOptionNames: NamesOf<LeaseOptions> = {
  durationMs: true,
  owner: true,
  context: true,
  signal: true,
};

export function createLeases(access: LeasesAccess): Leases {
  const { use, owner } = access;

  async function take(name: string, options: LeaseOptions): Promise<HeldLease | LeasedElsewhere> {
    const request = checkedRequest(name, optionsOf('A lease', options, leaseOptionNames), owner);
    const signal = signalOf('A lease', options.signal);
    assertNotAborted(name, signal);
    const lease = await takeLease(access, request, signal);
    if (signal?.aborted && lease instanceof HeldLease) {
      await lease.release();
      assertNotAborted(name, signal);
    }
    return lease;
  }

  return {
    async acquire(name, options = {}) {
      const taken = await take(name, options);
      return taken instanceof HeldLease ? taken : null;
    },
    async withLease(name, options, work) {
      functionOf('withLease', 'work', work);
      const lease = await take(name, options);
      if (!(lease instanceof HeldLease)) return lease;
      try {
        const result = await work(lease);
        await lease.release();
        if (lease.lost) throw lease.lost;
        return { status: 'done', result };
      } finally {
        await lease.release();
      }
    },
    async list(query = {}) {
      const checked = checkedQuery(query);
      return use((store) => listed(store, checked));
    },
    release: (name) =>
      use(async (store) => {
        const [found] = await listed(store, { name });
        if (found === undefined || found.owner === null || found.acquisitionId === null) return null;
        const { owner, fence, acquisitionId } = found;
        return (await store.release({ name, owner, fence, acquisitionId })) ? found : null;
      }),
  };
}

/** @throws INVALID_ARGUMENT */
function checkedRequest(name: string, options: LeaseOptions, instance: string): AcquireLease {
  const { durationMs: given = '30s', owner = `${instance}:${randomUUID().slice(0, 8)}`, context } = options;
  const refuse = (problem: string): never => {
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `The lease ${typeof name === 'string' ? `'${shownName(name)}'` : shownValue(name)} cannot be taken: ${problem}.`,
    );
  };
  if (!isOneLine(name, longestName))
    refuse('its name must be 1 to 200 characters, without control characters');
  if (isPlanLease(name) || name === 'directory' || name.startsWith('queue:')) {
    refuse('this name is reserved for the system; choose another');
  }
  if (!isOneLine(owner, 200)) refuse('its owner must be 1 to 200 characters, without control characters');
  if (context !== undefined && !(typeof context === 'string' && context.length <= 4_000)) {
    refuse('its context must be text of at most 4,000 characters');
  }
  const durationMs = parseDuration(given);
  if (durationMs === null || durationMs < 100 || durationMs > longestLeaseMs) {
    return refuse('durationMs must be a duration from 100ms to 1d, such as 30s');
  }
  return { name, owner, durationMs, context };
}

/** A database would cut a name that is longer than any, or replace what is no character, and so find another lease. */
async function listed(store: LeaseStore, query: ListLeases): Promise<LeaseRecord[]> {
  const { name } = query;
  if (name !== undefined && !(name.length <= longestName && name.isWellFormed())) return [];
  return store.list(query);
}

const queryNames: NamesOf<ListLeases> = { name: true, after: true, limit: true, owned: true };

/** @throws INVALID_ARGUMENT */
function checkedQuery(given: ListLeases): ListLeases {
  const call = 'leases.list';
  const { name, after, limit, owned } = optionsOf(call, given, queryNames);
  const refuse = (option: string, rule: string, value: unknown) => {
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `${call}: '${option}' must be ${rule}, got ${shownValue(value)}.`,
    );
  };
  for (const [option, value] of Object.entries({ name, after }))
    if (value !== undefined && typeof value !== 'string') refuse(option, 'the name of a lease', value);
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1 && limit <= mostListed))
    refuse('limit', `a whole number from 1 to ${mostListed}`, limit);
  booleanOf(call, 'owned', owned);
  if (name !== undefined && [after, limit, owned].some((other) => other !== undefined))
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `${call}: 'name' names one lease, so it goes with no other option.`,
    );
  return {
    ...(name !== undefined && { name }),
    ...(after !== undefined && { after }),
    ...(limit !== undefined && { limit }),
    ...(owned !== undefined && { owned }),
  };
}

function assertNotAborted(name: string, signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new MultiOutboxError(
    'ABORTED',
    `The lease '${name}' was not taken, because the signal in its options had already fired; pass a signal that has not fired.`,
    {
      cause: signal.reason,
    },
  );
}
