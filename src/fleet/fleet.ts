import type { Engine, TenantAddress, TenantDatabase } from '../engine/engine.ts';
import type { Registry, TenantDefinition, TenantRecord } from '../engine/registry.ts';
import type { QueueName } from '../engine/work-queue.ts';
import { MultiOutboxError } from '../errors.ts';
import type { HandlerSet } from '../queue/handler-set.ts';
import { describeError } from '../queue/report.ts';
import type { Settings } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import { isMeasured, recordFleet, recordPlan, recordWakes, tellTenantsApart } from '../telemetry/metrics.ts';
import { inSpan } from '../telemetry/spans.ts';
import { TenantDirectory, unknownTenant } from './directory.ts';
import type { Directory } from './directory-listing.ts';
import { DirectorySync } from './directory-sync.ts';
import { dispatchTenant } from './dispatcher.ts';
import { type Diagnosis, type ExamineOptions, examineFleet } from './doctor.ts';
import { engineFor, isEmbedded, memoryRegistry } from './engines.ts';
import { type MigrateOptions, migrateFleet, type TenantMigration } from './migrate.ts';
import { OpenDatabases } from './open-databases.ts';
import { makePlan } from './planner.ts';
import type { DispatchRequest, PlanReport, RunReport } from './requests.ts';
import type { Strategy } from './strategy.ts';
import { isOnServer } from './tenant.ts';

export interface FleetOptions {
  readonly settings: Settings;
  /** The tenants of a static directory, or where the user lists them; absent, the registry does (F2). */
  readonly tenants: readonly TenantDefinition[] | Directory | undefined;
  readonly handlers: ReadonlyMap<QueueName, HandlerSet>;
  readonly strategy: Strategy;
  readonly logger: Logger;
  readonly owner: string;
  /** In place of the engine that `settings.registry` names; closed with the fleet. */
  readonly engine?: Engine | undefined;
  /** Of jitter; `Math.random` when absent. */
  readonly random?: (() => number) | undefined;
}

/** Milliseconds between two looks at the whole fleet, for the metrics. */
const fleetMeasureMs = 60_000;

interface Opened {
  readonly engine: Engine;
  readonly registry: Registry;
  readonly directory: TenantDirectory;
  /** Brings the registry in line with the user's own directory. */
  readonly sync: DirectorySync | undefined;
  readonly databases: OpenDatabases;
}

/** The fleet of one deployment, opened when first used: its engine, registry, directory and open databases. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #listeners: ((tenantId: string) => void)[] = [];
  #opened: Promise<Opened> | undefined;
  readonly #closing = new AbortController();
  /** By `performance.now()`. */
  #measureAgainAt = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
    tellTenantsApart(options.settings.telemetry.metricTenants);
  }

  async registry(): Promise<Registry> {
    return (await this.#open()).registry;
  }

  /** The registry, with the tenants of the user's directory in it. */
  async listed(): Promise<Registry> {
    return (await this.#ready()).registry;
  }

  async databaseKey(address: TenantAddress): Promise<string> {
    return (await this.#open()).engine.databaseKey(address);
  }

  /** The tenant as the registry has it now. @throws UNKNOWN_TENANT */
  async tenant(tenantId: string): Promise<TenantRecord> {
    const tenant = await (await this.#ready()).registry.get(tenantId);
    if (tenant === null) throw unknownTenant(tenantId);
    this.learn(tenant);
    return tenant;
  }

  /** Lends a tenant's database. @throws UNKNOWN_TENANT; TENANT_NOT_ACTIVE for a retired tenant */
  async useTenant<T>(tenantId: string, action: (database: TenantDatabase) => Promise<T>): Promise<T> {
    const { directory, databases } = await this.#ready();
    const tenant = await directory.get(tenantId);
    if (tenant.status === 'retired') throw notActive(tenant);
    return databases.use(tenant, action);
  }

  async plan(capacity: number): Promise<PlanReport> {
    const { settings, strategy, owner, logger } = this.#options;
    const { registry, directory } = await this.#ready();
    // A run that is under way learns of changes even while nobody asks for a tenant.
    void directory.refreshIfDue();
    return inSpan('plan', {}, async (span) => {
      const report = await makePlan(
        {
          registry,
          strategy,
          owner,
          logger,
          plan: settings.plan,
          redispatchMs: this.#redispatchMs,
          onTenant: (tenant) => directory.learn(tenant),
        },
        capacity,
      );
      const { status, due, requests } = report;
      span.setAttributes({ status, due, requests: requests.length });
      recordPlan(report);
      await this.#measureFleet(registry);
      return report;
    });
  }

  /** Asks the registry how the fleet stands, where anybody takes metrics, and seldom: it counts all tenants. */
  async #measureFleet(registry: Registry): Promise<void> {
    const now = performance.now();
    if (now < this.#measureAgainAt || !isMeasured()) return;
    this.#measureAgainAt = now + fleetMeasureMs;
    try {
      recordFleet(await registry.fleet());
    } catch (error) {
      this.#options.logger.warn('How the fleet stands could not be measured.', {
        error: describeError(error),
      });
    }
  }

  async dispatch(
    request: DispatchRequest,
    { signal, continues = false }: { signal?: AbortSignal; continues?: boolean } = {},
  ): Promise<RunReport> {
    this.assertHandlers();
    const { registry, directory, databases } = await this.#ready();
    return dispatchTenant(
      { ...this.#options, registry, directory, databases, random: this.#options.random ?? Math.random },
      request,
      { ...(signal && { signal }), ...(continues && { continuedForMs: this.#redispatchMs }) },
    );
  }

  /** A crashed run is due again as soon as its lease has run out. */
  get #redispatchMs(): number {
    const { plan, dispatch } = this.#options.settings;
    return plan.redispatchMs ?? dispatch.leaseMs + dispatch.graceMs;
  }

  /** @throws INVALID_CONFIGURATION when there is no handler: whoever plans should know before tenants are chosen */
  assertHandlers(): void {
    if (this.#options.handlers.size > 0) return;
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      'No handler is given: pass handlers to createMultiOutbox, or nothing can be dispatched.',
    );
  }

  /** Makes a tenant due now if that can be done: for work that is stored and is not to be reported as failed (F7). */
  async hint(tenantId: string): Promise<void> {
    try {
      await this.wake([tenantId]);
    } catch (error) {
      this.#options.logger.warn('The tenant could not be woken; its messages wait until it is due.', {
        tenantId,
        error: describeError(error),
      });
    }
  }

  /** Makes tenants due now (F7). With `mustBeActive`, a tenant that cannot be woken is an error. */
  async wake(tenantIds: readonly string[], { mustBeActive = false } = {}): Promise<void> {
    const { registry } = await this.#ready();
    const woken = new Set(await registry.wake(tenantIds));
    recordWakes(woken);
    const missing = mustBeActive ? tenantIds.find((id) => !woken.has(id)) : undefined;
    if (missing !== undefined) throw notActive(await this.tenant(missing));
  }

  async migrate(options: MigrateOptions): Promise<TenantMigration[]> {
    const { engine, registry, sync } = await this.#open();
    return migrateFleet(engine, registry, options, async () => sync?.now());
  }

  async examine(options: ExamineOptions): Promise<Diagnosis[]> {
    const { engine, registry, sync } = await this.#open();
    // What can be looked at is looked at, whether or not the directory can be read.
    await sync?.ready().catch(() => {});
    return examineFleet(engine, registry, options);
  }

  /** Takes in a tenant's record that is newer than what is known. */
  learn(tenant: TenantRecord): void {
    void this.#opened?.then(({ directory }) => directory.learn(tenant));
  }

  onTenantChange(listener: (tenantId: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Fires when the fleet is being closed. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Waits for nobody: calls in flight fail with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    const opened = await this.#opened?.catch(() => undefined);
    if (opened === undefined) return;
    await opened.databases.close();
    await opened.registry.close();
    await opened.engine.close();
  }

  async #ready(): Promise<Opened> {
    const opened = await this.#open();
    await opened.sync?.ready();
    return opened;
  }

  #open(): Promise<Opened> {
    if (this.closed.aborted)
      throw new MultiOutboxError('CLOSED', 'This multi-outbox is closed; make another one.');
    this.#opened ??= this.#openAll().catch((error) => {
      // The next caller tries again: the registry may have been away.
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #openAll(): Promise<Opened> {
    const { settings, tenants, logger } = this.#options;
    const registryUrl = isList(tenants) ? memoryRegistry : settings.registry;
    // What a directory lists is not known yet.
    const onServers = !isList(tenants) || tenants.some(isOnServer);
    const engine = this.#options.engine ?? (await engineFor(registryUrl, settings, { onServers }));
    const registry = engine.openRegistry();
    try {
      // Nobody else could.
      if (registryUrl === memoryRegistry) await registry.schema.migrate();
      // A static directory has the same schedule and the same plans, for one process.
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
            owner: this.#options.owner,
            closed: this.closed,
            logger,
            onTenant: (tenant) => directory.learn(tenant),
          })
        : undefined;
    return { engine, registry, directory, sync, databases };
  }
}

function isList(tenants: FleetOptions['tenants']): tenants is readonly TenantDefinition[] {
  return Array.isArray(tenants);
}

function notActive({ id, status }: TenantRecord): MultiOutboxError {
  const remedy =
    status === 'paused' ? `resume it first (tenants resume ${id})` : `add it again (tenants add ${id})`;
  return new MultiOutboxError('TENANT_NOT_ACTIVE', `Tenant '${id}' is ${status}: ${remedy}.`, {
    tenantId: id,
  });
}
