import type { Engine, TenantAddress, TenantDatabase } from '../../engine/engine.ts';
import { toEvict } from '../../engine/eviction.ts';
import type { TenantRecord } from '../../engine/registry.ts';
import { MultiOutboxError } from '../../errors.ts';
import type { Settings } from '../../settings.ts';
import { timerDelayMs } from '../../timer-delay.ts';
import { assertReadable } from './tenant-errors.ts';

interface Opened {
  readonly address: string;
  readonly database: TenantDatabase;
  uses: number;
  lastUsed: number;
  /**
   * Aborted when this connection must not be used for the tenant any more; it is closed as soon as no caller uses it.
   */
  readonly retired: AbortController;
}

/**
 * The tenant databases that this process has open (F8). It opens a database at the first use, closes idle ones, and
 * closes others by the rule of `toEvict` when there are too many. It never closes a database that is in use, even if
 * the open databases then exceed the cap.
 */
export class OpenDatabases {
  readonly #engine: Engine;
  readonly #settings: Settings['databases'];
  /** The open databases by tenant, in the order of opening. */
  readonly #open = new Map<string, Opened>();
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(engine: Engine, settings: Settings['databases']) {
    this.#engine = engine;
    this.#settings = settings;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Runs the action with the tenant's database. The signal fires when the tenant is changed, paused or retired.
   * @throws INVALID_TENANT when the tenant's definition cannot be read
   */
  async use<T>(
    tenant: TenantAddress & Pick<TenantRecord, 'unreadable'>,
    action: (database: TenantDatabase, changed: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#closed)
      throw new MultiOutboxError(
        'CLOSED',
        'This multi-outbox was closed and cannot be used again; create another one.',
        { tenantId: tenant.id },
      );
    assertReadable(tenant);
    const opened = this.#take(tenant);
    opened.uses++;
    this.#trim(this.#settings.maxOpen);
    try {
      return await action(opened.database, opened.retired.signal);
    } finally {
      opened.uses--;
      opened.lastUsed = performance.now();
      if (opened.retired.signal.aborted && opened.uses === 0) await closeQuietly(opened.database);
      else this.#trim(this.#settings.maxOpen);
    }
  }

  /** Closes the tenant's connections as soon as they are free, because the tenant has moved or is no longer active. */
  async retire(tenantId: string): Promise<void> {
    const opened = this.#open.get(tenantId);
    if (opened === undefined) return;
    this.#open.delete(tenantId);
    if (opened.uses > 0) opened.retired.abort();
    else await closeQuietly(opened.database);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweep);
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(all.map(({ database }) => closeQuietly(database)));
  }

  #take(tenant: TenantAddress): Opened {
    const { id, server, database, auth, schema } = tenant;
    const address = JSON.stringify([server, database, auth, schema]);
    let opened = this.#open.get(id);
    if (opened && opened.address !== address) {
      void this.retire(id);
      opened = undefined;
    }
    if (opened === undefined) {
      opened = {
        address,
        database: this.#engine.openTenant(tenant),
        uses: 0,
        lastUsed: performance.now(),
        retired: new AbortController(),
      };
      this.#open.set(id, opened);
    }
    this.#sweep ??= setInterval(() => this.#closeIdle(), sweepMs(this.#settings.idleCloseMs)).unref();
    return opened;
  }

  #trim(max: number): void {
    while (this.#open.size > max) {
      const id = toEvict(this.#open);
      if (id === null) return;
      void this.retire(id);
    }
  }

  #closeIdle(): void {
    const idleSince = performance.now() - this.#settings.idleCloseMs;
    for (const [id, { uses, lastUsed }] of this.#open) {
      if (uses === 0 && lastUsed <= idleSince) void this.retire(id);
    }
  }
}

/**
 * Milliseconds between two searches for idle databases. A database is thereby closed late by at most a tenth of its
 * idle time.
 */
function sweepMs(idleCloseMs: number): number {
  return timerDelayMs(Math.ceil(idleCloseMs / 10));
}

/** Closes a database and ignores an error: it must not fail the work that was done with the database. */
async function closeQuietly(database: TenantDatabase): Promise<void> {
  try {
    await database.close();
  } catch {
    // The next use opens connections of its own.
  }
}
