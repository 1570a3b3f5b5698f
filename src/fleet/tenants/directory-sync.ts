/** Brings the registry in line with the user's own directory (F2). */
import { isDeepStrictEqual } from 'node:util';
import type { Registry, TenantDefinition, TenantRecord } from '../../engine/registry.ts';
import { errorText, isMultiOutboxError, MultiOutboxError } from '../../errors.ts';
import { HeldLease } from '../../lease/lease.ts';
import { takeLease } from '../../lease/leases.ts';
import type { Settings } from '../../settings.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { definitionOf } from './definition.ts';
import { type Directory, directoryTag, type ListedTenant, readDirectory } from './directory-listing.ts';
import { EventLoopYielder } from './event-loop-yielder.ts';
import { Refresh } from './refresh.ts';

export interface DirectorySyncOptions {
  readonly directory: Directory;
  readonly registry: Registry;
  readonly databaseKey: (definition: TenantDefinition) => string;
  /** Tenants' databases are files. */
  readonly embedded: boolean;
  readonly settings: Settings['directory'];
  readonly owner: string;
  readonly closed: AbortSignal;
  readonly logger: Logger;
  /** Told of each tenant that was changed. */
  readonly onTenant: (tenant: TenantRecord) => void;
}

/** Held while the registry is brought in line: of many hosts one at a time does it. */
const leaseName = 'directory';
const leaseMs = 60_000;

export class DirectorySync {
  readonly #options: DirectorySyncOptions;
  readonly #refresh: Refresh;
  /** The registry's tenants, as of `#version`. */
  readonly #known = new Map<string, TenantRecord>();
  #version = 0;
  /** A list was read, or an earlier one is in the registry. */
  #listed = false;
  #failure: MultiOutboxError | undefined;
  /** What was complained of last, so that it is said once. */
  #complaints = '';

  constructor(options: DirectorySyncOptions) {
    this.#options = options;
    this.#refresh = new Refresh(options.settings, () => this.#attempt());
  }

  /**
   * Starts a refresh if one is due. Only the first one is waited for: from then on the last good list serves.
   * @throws REGISTRY_UNAVAILABLE when no list was ever read
   */
  async ready(): Promise<void> {
    const running = this.#refresh.startIfDue() ?? this.#refresh.running;
    if (this.#listed) return;
    await running;
    if (!this.#listed && this.#failure) throw this.#failure;
  }

  /** Refreshes now. @throws REGISTRY_UNAVAILABLE when it failed */
  async now(): Promise<void> {
    await this.#refresh.running;
    // What goes on by now was started by somebody else who asked meanwhile: two at once would take the lease from each other.
    await (this.#refresh.running ?? this.#refresh.start());
    if (this.#failure) throw this.#failure;
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
        `The tenants of the directory '${directory.name}' could not be taken over: ${errorText(error)}; it is tried again.`,
        { cause: error, transient: true },
      );
      if (!closed.aborted) {
        logger.warn('The directory could not be refreshed; the last good list serves.', {
          directory: directory.name,
          error: errorText(error),
        });
      }
      return false;
    }
  }

  /** False when another host is at it. */
  async #underLease(): Promise<boolean> {
    const { registry, owner, closed, logger } = this.#options;
    const lease = await takeLease(
      { use: (action) => action(registry.leases), tenantId: undefined, closed, logger },
      { name: leaseName, owner, durationMs: leaseMs },
    );
    if (!(lease instanceof HeldLease)) {
      if (!this.#listed) await this.#readChanges();
      // It may be the first take-over of all: of tenants that nobody has added yet it cannot be said that there are none.
      if (this.#listed || this.#knowsOurs()) return false;
      throw new Error(`'${lease.owner}' is at it, and the registry has none of them yet`);
    }
    try {
      await this.#bringInLine(lease.signal);
      return true;
    } finally {
      await lease.release();
    }
  }

  async #readChanges(): Promise<void> {
    const { version, tenants } = await this.#options.registry.changesSince(this.#version);
    for (const tenant of tenants) this.#known.set(tenant.id, tenant);
    this.#version = version;
  }

  /** @param signal stops it: the lease is lost, or the multi-outbox is closed */
  async #bringInLine(signal: AbortSignal): Promise<void> {
    const { directory, registry, embedded } = this.#options;
    await this.#readChanges();
    const listing = await readDirectory(directory, embedded, signal);
    const problems = listing.refused.map(({ id, problem }) =>
      id === undefined ? `${problem} As it may be any tenant, none is retired meanwhile.` : problem,
    );
    const isWhole = listing.refused.every(({ id }) => id !== undefined);
    const named = new Set([...listing.tenants.keys(), ...listing.refused.map(({ id }) => id)]);
    // First, since a tenant that is new may have the database of one that is gone: it was renamed.
    for (const tenant of this.#known.values()) {
      if (!isWhole || !this.#isOurs(tenant) || named.has(tenant.id)) continue;
      signal.throwIfAborted();
      this.#note(await registry.setStatus(tenant.id, 'retired'));
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
    this.#complain(problems);
  }

  async #take({ definition, status }: ListedTenant): Promise<void> {
    const { registry, directory, databaseKey } = this.#options;
    const known = this.#known.get(definition.id);
    let current = known;
    if (known === undefined || known.status === 'retired') {
      current = await registry.add(definition, databaseKey(definition));
    } else if (!isDeepStrictEqual(definition, definitionOf(known))) {
      const other = known.tags[directoryTag] ?? directory.name;
      if (other !== directory.name) {
        throw new MultiOutboxError(
          'TENANT_EXISTS',
          `Tenant '${known.id}' is listed by the directory '${other}' already; let one of them list it.`,
        );
      }
      current = await registry.change(definition, databaseKey(definition));
    }
    if (status !== undefined && current!.status !== status) {
      current = await registry.setStatus(definition.id, status);
    }
    if (current !== known) this.#note(current!);
  }

  #knowsOurs(): boolean {
    return [...this.#known.values()].some((tenant) => this.#isOurs(tenant));
  }

  #isOurs({ tags, status }: TenantRecord): boolean {
    return status !== 'retired' && tags[directoryTag] === this.#options.directory.name;
  }

  #note(tenant: TenantRecord): void {
    this.#known.set(tenant.id, tenant);
    this.#options.onTenant(tenant);
  }

  #complain(problems: readonly string[]): void {
    const { directory, logger } = this.#options;
    const complaints = problems.join('\n');
    if (complaints !== this.#complaints) {
      for (const problem of problems) {
        logger.warn('A tenant of the directory was left as it is.', { directory: directory.name, problem });
      }
    }
    this.#complaints = complaints;
  }
}

function isAboutTheTenant(error: unknown): error is MultiOutboxError {
  return isMultiOutboxError(error, 'INVALID_TENANT', 'TENANT_EXISTS', 'DATABASE_IN_USE', 'UNKNOWN_TENANT');
}
