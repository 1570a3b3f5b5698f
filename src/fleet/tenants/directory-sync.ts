/** Synchronises the registry with the user's directory (F2). */
import { isDeepStrictEqual } from 'node:util';
import { duration } from '../../duration-text.ts';
import type { Registry, TenantDefinition, TenantRecord } from '../../engine/registry.ts';
import { errorText, isMultiOutboxError, MultiOutboxError } from '../../errors.ts';
import { EventLoopYielder } from '../../event-loop-yielder.ts';
import { HeldLease } from '../../lease/lease.ts';
import { takeLease } from '../../lease/leases.ts';
import type { Settings } from '../../settings.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { definitionOf } from './definition.ts';
import { type Directory, directoryTag, type ListedTenant, readDirectory } from './directory-listing.ts';
import { Refresh, refreshRetryMs } from './refresh.ts';
import { readTenantChanges } from './tenant-changes.ts';

export interface DirectorySyncOptions {
  readonly directory: Directory;
  readonly registry: Registry;
  readonly databaseKey: (definition: TenantDefinition) => string;
  /** Whether the tenants' databases are files. */
  readonly embedded: boolean;
  readonly settings: Settings['directory'];
  readonly owner: string;
  readonly closed: AbortSignal;
  readonly logger: Logger;
  /** Called with each tenant that was changed. */
  readonly onTenant: (tenant: TenantRecord) => void;
}

/** The lease that keeps two hosts from synchronising the registry at the same time. */
const leaseName = 'directory';
const leaseMs = 60_000;

export class DirectorySync {
  readonly #options: DirectorySyncOptions;
  readonly #refresh: Refresh;
  /** The registry's tenants as of `#version`; the next read brings this host's own changes, too. */
  readonly #known = new Map<string, TenantRecord>();
  #version = 0;
  /** Whether a list was read, or the registry has an earlier list. */
  #listed = false;
  #failure: MultiOutboxError | undefined;
  /** The problems logged last, so that the same problems are logged once. */
  #loggedProblems: string | undefined;

  constructor(options: DirectorySyncOptions) {
    this.#options = options;
    this.#refresh = new Refresh(options.settings, () => this.#attempt());
  }

  /**
   * Starts a refresh if one is due. It waits for the refresh only while no list was ever read; after that,
   * callers use the last good list meanwhile.
   * @throws REGISTRY_UNAVAILABLE when no list was ever read
   */
  async ready(): Promise<void> {
    // A refresh that starts while the multi-outbox is being closed could leave its lease behind.
    if (!this.#options.closed.aborted) void this.#refresh.startIfDue();
    if (this.#listed) return;
    await this.#refresh.running;
    if (!this.#listed && this.#failure) throw this.#failure;
  }

  /** Refreshes now. @throws REGISTRY_UNAVAILABLE when it failed */
  async now(): Promise<void> {
    await this.#refresh.running;
    // Another caller may have started a refresh meanwhile. Join it, because two at once would take the lease from
    // each other.
    await (this.#refresh.running ?? this.#refresh.start());
    if (this.#failure) throw this.#failure;
  }

  /** Resolves when no refresh is in progress. */
  async ended(): Promise<void> {
    await this.#refresh.running;
  }

  async #attempt(): Promise<boolean> {
    const { directory, closed, logger } = this.#options;
    try {
      const isOurs = await this.#underLease();
      this.#failure = undefined;
      this.#listed = true;
      return isOurs;
    } catch (error) {
      this.#listed ||= this.#knowsOurs();
      this.#failure = new MultiOutboxError(
        'REGISTRY_UNAVAILABLE',
        `The registry could not be synchronised with the directory '${directory.name}': ${errorText(error)}. This host tries again within ${duration(refreshRetryMs)}.`,
        { cause: error, transient: true },
      );
      if (!closed.aborted) {
        logger.warn('The directory could not be refreshed; the last good list is used.', {
          directory: directory.name,
          error: errorText(error),
        });
      }
      return false;
    }
  }

  /** Returns false when another host is synchronising. */
  async #underLease(): Promise<boolean> {
    const { registry, owner, closed, logger } = this.#options;
    const lease = await takeLease(
      { use: (action) => action(registry.leases), tenantId: undefined, closed, logger },
      { name: leaseName, owner, durationMs: leaseMs },
    );
    if (!(lease instanceof HeldLease)) {
      if (!this.#listed) await this.#assertBegun(lease.owner);
      return false;
    }
    try {
      await this.#synchronise(lease.signal);
      return true;
    } finally {
      await lease.release();
    }
  }

  /**
   * Another host may be synchronising the two for the very first time. It has not added the tenants yet, so an empty
   * registry does not mean that there are none.
   */
  async #assertBegun(owner: string): Promise<void> {
    await this.#readChanges();
    if (this.#knowsOurs()) return;
    throw new Error(`'${owner}' is synchronising the two now and has not added any tenant yet`);
  }

  async #readChanges(): Promise<void> {
    const { version, tenants, isWhole } = await readTenantChanges(
      this.#options.registry,
      this.#version,
      this.#known.values(),
    );
    if (isWhole) this.#known.clear();
    for (const tenant of tenants) this.#known.set(tenant.id, tenant);
    this.#version = version;
  }

  /** @param signal fires when the lease is lost or the multi-outbox is closed */
  async #synchronise(signal: AbortSignal): Promise<void> {
    const { directory, registry, embedded, onTenant } = this.#options;
    await this.#readChanges();
    const listing = await readDirectory(directory, embedded, signal);
    const problems = listing.refused.map(({ id, problem }) =>
      id === undefined
        ? `${problem} The entry may belong to any tenant, so no tenant is retired until it is corrected.`
        : problem,
    );
    const isWhole = listing.refused.every(({ id }) => id !== undefined);
    const named = new Set([...listing.tenants.keys(), ...listing.refused.map(({ id }) => id)]);
    // Retire missing tenants first: a tenant whose id was changed appears as a new tenant with the database
    // of a missing one.
    for (const tenant of this.#known.values()) {
      if (!isWhole || !this.#isOurs(tenant) || named.has(tenant.id)) continue;
      signal.throwIfAborted();
      onTenant(await registry.setStatus(tenant.id, 'retired', 'directory'));
    }
    const yielder = new EventLoopYielder();
    for (const listed of listing.tenants.values()) {
      await yielder.yieldIfDue();
      signal.throwIfAborted();
      try {
        await this.#take(listed);
      } catch (error) {
        if (!isAboutTheTenant(error)) throw error;
        problems.push(error.message);
      }
    }
    this.#logProblems(problems);
  }

  async #take({ definition, status }: ListedTenant): Promise<void> {
    const { registry, onTenant } = this.#options;
    const known = this.#known.get(definition.id);
    let current = await this.#define(definition, known);
    // Only an operator ends an operator's pause.
    if (status !== undefined && current.status !== status && !current.pausedByOperator) {
      current = await registry.setStatus(definition.id, status, 'directory');
    }
    if (current !== known) onTenant(current);
  }

  /** Adds or changes the tenant unless the registry has this definition. Returns its record. */
  async #define(definition: TenantDefinition, known: TenantRecord | undefined): Promise<TenantRecord> {
    const { registry, directory, databaseKey } = this.#options;
    if (known === undefined || known.status === 'retired')
      return registry.add(definition, databaseKey(definition), 'directory');
    if (!isUnreadable(known) && isDeepStrictEqual(definition, definitionOf(known))) return known;
    const other = known.tags[directoryTag] ?? directory.name;
    if (other !== directory.name) {
      throw new MultiOutboxError(
        'TENANT_EXISTS',
        `Tenant '${known.id}' is already listed by the directory '${other}'; remove it from one of the two directories.`,
      );
    }
    return registry.change(definition, databaseKey(definition));
  }

  #knowsOurs(): boolean {
    return [...this.#known.values()].some((tenant) => this.#isOurs(tenant));
  }

  #isOurs({ tags, status }: TenantRecord): boolean {
    return status !== 'retired' && tags[directoryTag] === this.#options.directory.name;
  }

  #logProblems(problems: readonly string[]): void {
    const { directory, logger } = this.#options;
    const text = problems.join('\n');
    if (text !== this.#loggedProblems) {
      for (const problem of problems) {
        logger.warn('A tenant of the directory could not be synchronised; the registry keeps it unchanged.', {
          directory: directory.name,
          problem,
        });
      }
    }
    this.#loggedProblems = text;
  }
}

/** The directory's definition replaces the one that cannot be read. */
function isUnreadable({ unreadable }: TenantRecord): boolean {
  return unreadable !== undefined && unreadable.definition.length > 0;
}

function isAboutTheTenant(error: unknown): error is MultiOutboxError {
  return isMultiOutboxError(error, 'INVALID_TENANT', 'TENANT_EXISTS', 'DATABASE_IN_USE', 'UNKNOWN_TENANT');
}
