/** Gives every test fresh tenant databases and registries, and takes them away after it. */
import type { Engine, TenantAddress, TenantDatabase } from '../../src/engine/engine.ts';
import type { Registry } from '../../src/engine/registry.ts';
import type { QueueName, WorkQueue } from '../../src/engine/work-queue.ts';
import type { EngineHarness, Freshness, Stage } from './harness.ts';

export interface SceneTenant {
  readonly address: TenantAddress;
  readonly database: TenantDatabase;
}

export interface SceneQueue extends SceneTenant {
  readonly queue: WorkQueue;
}

export class Scene {
  readonly harness: EngineHarness;
  #shared: Stage | undefined;
  readonly #ownStages: Stage[] = [];
  readonly #open: { close(): Promise<void> }[] = [];
  readonly #tenants: TenantAddress[] = [];

  constructor(harness: EngineHarness) {
    this.harness = harness;
  }

  async start(): Promise<void> {
    this.#shared = await this.harness.create('bare');
  }

  /** Closes and removes, after each test, everything that the test opened or made. */
  async clear(): Promise<void> {
    for (const opened of this.#open.splice(0)) await opened.close();
    for (const address of this.#tenants.splice(0)) await this.stage.removeTenant(address);
    for (const stage of this.#ownStages.splice(0)) await stage.dispose();
  }

  async end(): Promise<void> {
    await this.#shared?.dispose();
    this.#shared = undefined;
  }

  /** The stage that holds the tenant databases of all tests. Its registry has no schema. */
  get stage(): Stage {
    if (!this.#shared) throw new Error('the scene has not started');
    return this.#shared;
  }

  /** The address of a fresh tenant database, without a schema unless the caller asks for one. */
  async newTenant(freshness: Freshness = 'bare'): Promise<TenantAddress> {
    const address = await this.stage.newTenant(freshness);
    this.#tenants.push(address);
    return address;
  }

  /** A fresh tenant database with its schema. */
  async tenant(): Promise<SceneTenant> {
    const address = await this.newTenant('empty');
    const database = this.open(address);
    await database.schema.migrate();
    return { address, database };
  }

  /** A work queue in a fresh tenant database. */
  async queue(name: QueueName): Promise<SceneQueue> {
    const tenant = await this.tenant();
    return { ...tenant, queue: tenant.database.queue(name) };
  }

  open(address: TenantAddress, engine: Engine = this.stage.engine): TenantDatabase {
    const database = engine.openTenant(address);
    this.#open.push(database);
    return database;
  }

  /** A second host: another engine on the same storage. */
  anotherHost(stage: Stage = this.stage): Engine {
    const engine = stage.anotherHost();
    this.#open.push(engine);
    return engine;
  }

  /**
   * A stage for only this test, because plans see every tenant of a registry. Without a schema unless the caller asks
   * for one.
   */
  async ownStage(registry: Freshness = 'bare'): Promise<Stage> {
    const stage = await this.harness.create(registry);
    this.#ownStages.push(stage);
    return stage;
  }

  /** A fresh registry with its schema and no tenants. */
  async registry(): Promise<{ stage: Stage; registry: Registry }> {
    const stage = await this.ownStage('empty');
    const registry = stage.engine.openRegistry();
    this.#open.push(registry);
    await registry.schema.migrate();
    return { stage, registry };
  }
}
