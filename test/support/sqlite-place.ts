import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Engine, TenantDatabase } from '../../src/engine/engine.ts';
import type { Registry } from '../../src/engine/registry.ts';
import { createSqliteEngine } from '../../src/engine/sqlite/index.ts';
import type { WorkQueue } from '../../src/engine/work-queue.ts';
import { tenantDefinition } from '../../src/fleet/tenants/definition.ts';

/**
 * A folder with a registry and tenant databases on the real embedded engine. After each test, everything that was
 * opened through it is closed, and the folder is removed.
 */
export class SqlitePlace {
  #folder: string | undefined;
  readonly #engines: Engine[] = [];

  /** Registers the cleaning up; called in a describe block or at the top of a file. */
  constructor() {
    afterEach(() => this.clear());
  }

  get folder(): string {
    this.#folder ??= mkdtempSync(path.join(tmpdir(), 'multi-outbox-test-'));
    return this.#folder;
  }

  /** A file in the folder. */
  file(name: string): string {
    return path.join(this.folder, name);
  }

  get registryUrl(): string {
    return `sqlite:${this.file('registry.db')}`;
  }

  /** Another engine on the same files, which acts as another host. A commit need not survive a power cut here. */
  engine(options: { busyTimeoutMs?: number; clock?: () => number } = {}): Engine {
    const engine = createSqliteEngine({
      registry: this.file('registry.db'),
      synchronous: 'normal',
      ...options,
    });
    this.#engines.push(engine);
    return engine;
  }

  /** The registry, with its schema. */
  async registry(engine: Engine = this.engine()): Promise<Registry> {
    const registry = engine.openRegistry();
    await registry.schema.migrate();
    return registry;
  }

  /** A tenant's database, with its schema. */
  async tenant(id = 'acme', engine: Engine = this.engine()): Promise<TenantDatabase> {
    const database = engine.openTenant(tenantDefinition({ id }));
    await database.schema.migrate();
    return database;
  }

  /** The outbox of a tenant's database, seen by another host. */
  async outbox(id = 'acme', engine: Engine = this.engine()): Promise<WorkQueue> {
    return (await this.tenant(id, engine)).queue('outbox');
  }

  async clear(): Promise<void> {
    for (const engine of this.#engines.splice(0)) await engine.close();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
