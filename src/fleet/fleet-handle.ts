import type { Engine } from '../engine/engine.ts';
import type { Registry, TenantDefinition, TenantRecord } from '../engine/registry.ts';
import { describeError, MultiOutboxError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import { recordDiscardedConnection } from '../telemetry/metrics.ts';
import { absoluteRegistry, engineFor, isEmbedded, memoryRegistry } from './engines.ts';
import { InFlight } from './in-flight.ts';
import { isOnServer } from './tenants/definition.ts';
import { TenantDirectory } from './tenants/directory.ts';
import type { Directory } from './tenants/directory-listing.ts';
import { DirectorySync } from './tenants/directory-sync.ts';
import { OpenDatabases } from './tenants/open-databases.ts';
import { mostOpenDatabases } from './tenants/open-limit.ts';

export interface FleetHandleOptions {
  readonly settings: Settings;
  /** The tenants of a static directory, or the user's directory; absent when the registry lists them (F2). */
  readonly tenants: readonly TenantDefinition[] | Directory | undefined;
  readonly logger: Logger;
  readonly owner: string;
  /** Replaces the engine that `settings.registry` names; the fleet closes it. */
  readonly engine?: Engine | undefined;
}

/** Why a connection was closed, and what to do if that happens often. */
const whyDiscarded = {
  'transaction-open':
    'a transaction was left open on it; the server rolls that transaction back. If this happens often, look for handlers that begin a transaction themselves, and for commits that time out',
  'call-timed-out':
    'a call on it timed out and may have left a transaction open. If this happens often, find what makes calls slow, such as locks or load on the server, or raise MULTI_OUTBOX_SQL_REQUEST_TIMEOUT',
};

export interface OpenFleet {
  readonly engine: Engine;
  readonly registry: Registry;
  readonly directory: TenantDirectory;
  /** Synchronises the registry with the user's directory. */
  readonly sync: DirectorySync | undefined;
  readonly databases: OpenDatabases;
}

/** The databases and the directory of a fleet. The first use opens them, once for all users. */
export class FleetHandle {
  readonly #options: FleetHandleOptions;
  readonly #listeners: ((tenantId: string) => void)[] = [];
  readonly #closing = new AbortController();
  /** Plans, runs and hosts that `stop` ends and waits for. */
  readonly #work = new InFlight();
  /** Where relative paths begin. The working directory may change before the first use. */
  readonly #folder = process.cwd();
  readonly #registryUrl: string;
  #opened: Promise<OpenFleet> | undefined;
  #isClosed = false;

  constructor(options: FleetHandleOptions) {
    this.#options = options;
    this.#registryUrl = isList(options.tenants)
      ? memoryRegistry
      : absoluteRegistry(options.settings.registry, this.#folder);
  }

  /** Opens the fleet and waits until the user's directory is in the registry. */
  async ready(): Promise<OpenFleet> {
    const opened = await this.open();
    await opened.sync?.ready();
    return opened;
  }

  /** Opens the fleet without reading the user's directory. @throws CLOSED */
  open(): Promise<OpenFleet> {
    if (this.#isClosed) throw closedError();
    this.#opened ??= this.#openAll().catch((error) => {
      // Let the next caller try again: the registry may have been unavailable.
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** Stores a tenant's record in the directory unless a newer one is there. */
  remember(tenant: TenantRecord): void {
    void this.#opened?.then(({ directory }) => directory.remember(tenant));
  }

  onTenantChange(listener: (tenantId: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Fires with CLOSED when `stop` or `close` is called. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Registers a plan, a run or a host, so that `stop` waits for its end. Settles as the work does. */
  track<T>(work: Promise<T>): Promise<T> {
    return this.#work.track(work);
  }

  /**
   * Fires `closed`, and waits until the tracked work and the directory's refresh have ended and released their leases.
   * The databases stay open. Idempotent; never rejects.
   */
  async stop(): Promise<void> {
    this.#closing.abort(closedError());
    await this.#work.ended();
    await (await this.#opened?.catch(() => undefined))?.sync?.ended();
  }

  /** Closes the databases. Calls in flight fail with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(closedError());
    this.#isClosed = true;
    const opened = await this.#opened?.catch(() => undefined);
    if (opened === undefined) return;
    await opened.databases.close();
    await opened.engine.close();
  }

  /** The settings, with no more open databases than the process has file descriptors for (F8). */
  #withOpenLimit(): Settings {
    const { settings, logger } = this.#options;
    const maxOpen = mostOpenDatabases(settings.databases);
    if (maxOpen === settings.databases.maxOpen) return settings;
    logger.info(
      'This process may open few files, so it keeps fewer tenant databases open than set; raise its limit (ulimit -n).',
      { maxOpen, set: settings.databases.maxOpen },
    );
    return { ...settings, databases: { ...settings.databases, maxOpen } };
  }

  async #openAll(): Promise<OpenFleet> {
    const { tenants, logger, owner } = this.#options;
    const settings = this.#withOpenLimit();
    const registryUrl = this.#registryUrl;
    // The tenants of a user's directory are not read yet, so they may be on servers.
    const onServers = !isList(tenants) || tenants.some(isOnServer);
    const engine =
      this.#options.engine ??
      (await engineFor(registryUrl, settings, {
        onServers,
        folder: this.#folder,
        onDiscard: ({ database, reason }) => {
          recordDiscardedConnection(reason);
          logger.warn(`A connection was closed because ${whyDiscarded[reason]}.`, { database, reason });
        },
        onUnsynced: (error) =>
          logger.error(
            "The last runs' reports are in the registry's file, but could not be brought to the disk: a power cut would take them away, and their tenants are then planned again. Look at the disk and its space.",
            { error: describeError(error) },
          ),
      }));
    const registry = engine.openRegistry();
    try {
      // No other process can reach a registry in memory.
      if (registryUrl === memoryRegistry) await registry.schema.migrate();
      // A static directory uses the same registry, in this process only.
      for (const tenant of isList(tenants) ? tenants : []) {
        await registry.add(tenant, engine.databaseKey(tenant));
      }
    } catch (error) {
      await engine.close();
      throw error;
    }
    const databases = new OpenDatabases(engine, settings.databases);
    const onChange = (tenant: TenantRecord) => {
      void databases.retire(tenant.id);
      for (const listener of this.#listeners) listener(tenant.id);
    };
    const directory = new TenantDirectory({ registry, settings: settings.directory, logger, onChange });
    const sync =
      tenants && !isList(tenants)
        ? new DirectorySync({
            directory: tenants,
            registry,
            databaseKey: (definition) => engine.databaseKey(definition),
            embedded: isEmbedded(registryUrl),
            settings: settings.directory,
            owner,
            closed: this.closed,
            logger,
            onTenant: (tenant) => directory.remember(tenant),
          })
        : undefined;
    return { engine, registry, directory, sync, databases };
  }
}

function closedError(): MultiOutboxError {
  return new MultiOutboxError(
    'CLOSED',
    'This multi-outbox was closed and cannot be used again; create another one.',
  );
}

function isList(tenants: FleetHandleOptions['tenants']): tenants is readonly TenantDefinition[] {
  return Array.isArray(tenants);
}
