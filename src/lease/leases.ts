/** Leases for users (L5): those of one tenant's database, or of the registry. */
import { randomUUID } from 'node:crypto';
import type { AcquireLease, LeaseHeld, LeaseRecord, LeaseStore } from '../engine/lease-store.ts';
import { MultiOutboxError } from '../errors.ts';
import { type DurationInput, parseDuration } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import { HeldLease, type Lease } from './lease.ts';

export interface LeaseOptions {
  /**
   * Milliseconds, or text such as '30s', from 100 ms to a day; 30 s when absent. While it is held a lease renews itself
   * at a third of it; once its holder has died, others wait for as long.
   */
  readonly durationMs?: DurationInput;
  /**
   * Who holds it, 1 to 200 characters; one of its own for each acquisition when absent. The same owner acquiring again
   * takes the lease from itself (L2).
   */
  readonly owner?: string;
  /** What it is held for, for people to read; up to 4,000 characters. */
  readonly context?: string;
  /**
   * Stops the holder: the lease's signal fires with this one's reason. The lease stays held until it is released, so
   * that work can end in peace.
   */
  readonly signal?: AbortSignal;
}

/** What became of work under a lease. */
export type UnderLease<Result> = { readonly status: 'done'; readonly result: Result } | LeaseHeld;

export interface Leases {
  /**
   * Takes the lease, or returns null when somebody else holds it. Names are compared exactly; 'plan', 'directory' and
   * those that begin with 'queue:' are the system's own.
   * @throws INVALID_ARGUMENT, ABORTED, UNKNOWN_TENANT, TENANT_NOT_ACTIVE, or the database's error
   */
  acquire(name: string, options?: LeaseOptions): Promise<Lease | null>;
  /**
   * Takes the lease, does the work and gives the lease back. Says who holds it when somebody else does.
   * @throws what `acquire` throws; what the work throws; LEASE_LOST when the work ended after the lease was lost
   */
  withLease<Result>(
    name: string,
    options: LeaseOptions,
    work: (lease: Lease) => Promise<Result> | Result,
  ): Promise<UnderLease<Result>>;
  /** Every lease that was ever taken here, the system's too, by name. */
  list(): Promise<LeaseRecord[]>;
  /**
   * Frees a lease, whoever holds it: for operators. Returns what it was, or null when nobody held it. The holder
   * notices at its next renewal, at a third of the lease's duration at the latest, when its signal fires; until then it
   * goes on beside whoever takes the lease next, and only a fence that is checked keeps the two apart.
   */
  release(name: string): Promise<LeaseRecord | null>;
}

export interface LeasesAccess {
  /** Opens the database for as long as the action takes. */
  use<T>(action: (store: LeaseStore) => Promise<T>): Promise<T>;
  /** Undefined: the registry's leases. */
  readonly tenantId: string | undefined;
  /** Owners are made from it. */
  readonly owner: string;
  readonly closed: AbortSignal;
  readonly logger: Logger;
}

/** Takes a lease that renews itself, or tells who holds it. */
export async function takeLease(
  { use, tenantId, closed, logger }: Omit<LeasesAccess, 'owner'>,
  request: AcquireLease,
  signal?: AbortSignal,
): Promise<HeldLease | LeaseHeld> {
  const sentAt = performance.now();
  const acquired = await use((store) => store.acquire(request));
  if (acquired.status === 'held') return acquired;
  const { name, owner, durationMs } = request;
  const ref = { name, owner, fence: acquired.fence };
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

export function createLeases(access: LeasesAccess): Leases {
  const { use, owner } = access;

  async function take(name: string, options: LeaseOptions): Promise<HeldLease | LeaseHeld> {
    const request = checkedRequest(name, options, owner);
    const { signal } = options;
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
    list: () => use((store) => store.list()),
    release: (name) =>
      use(async (store) => {
        const found = (await store.list()).find((record) => record.name === name);
        if (found === undefined || found.owner === null) return null;
        return (await store.release({ name, owner: found.owner, fence: found.fence })) ? found : null;
      }),
  };
}

const longestMs = 86_400_000;

/** @throws INVALID_ARGUMENT */
function checkedRequest(name: string, options: LeaseOptions, instance: string): AcquireLease {
  const { durationMs: given = '30s', owner = `${instance}:${randomUUID().slice(0, 8)}`, context } = options;
  const refuse = (problem: string): never => {
    throw new MultiOutboxError('INVALID_ARGUMENT', `The lease '${name}' cannot be taken: ${problem}.`);
  };
  if (!isLine(name, 200)) refuse('its name must be 1 to 200 characters, without control characters');
  if (name === 'plan' || name === 'directory' || name.startsWith('queue:')) {
    refuse('this name is one of the system; choose another');
  }
  if (!isLine(owner, 200)) refuse('its owner must be 1 to 200 characters, without control characters');
  if (context !== undefined && !(typeof context === 'string' && context.length <= 4_000)) {
    refuse('its context must be text of at most 4,000 characters');
  }
  const durationMs = parseDuration(given);
  if (durationMs === null || durationMs < 100 || durationMs > longestMs) {
    return refuse('durationMs must be a duration from 100ms to 1d, such as 30s');
  }
  return { name, owner, durationMs, context };
}

function isLine(value: unknown, max: number): boolean {
  if (typeof value !== 'string' || value.trim() === '' || value.length > max) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the point
  return value.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(value);
}

function assertNotAborted(name: string, signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new MultiOutboxError('ABORTED', `The lease '${name}' was not taken: the signal had fired.`, {
    cause: signal.reason,
  });
}
