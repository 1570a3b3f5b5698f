/**
 * The embedded engine, on node:sqlite: the registry is one SQLite file, and each tenant has a file of its own. Any
 * number of processes may work on the same files.
 */
import { resolve } from 'node:path';
import { MultiOutboxError } from '../../errors.ts';
import type { Engine, TenantAddress, TenantDatabase } from '../engine.ts';
import type { LeaseStore } from '../lease-store.ts';
import type { Registry } from '../registry.ts';
import type { SchemaControl } from '../schema.ts';
import type { QueueName, WorkQueue } from '../work-queue.ts';
import { DatabaseFile, type OpenFiles, type Synchronous } from './file.ts';
import { placeOf, statOf } from './file-identity.ts';
import { DatabaseHandle } from './handle.ts';
import { SqliteLeaseStore } from './lease-store.ts';
import { registrySchema, tenantSchema } from './migrations/index.ts';
import type { Schema } from './migrations/migration.ts';
import { canonicalPath, databaseKeyOf, isSideFile, memoryPath, tenantFile } from './paths.ts';
import { SqliteWorkQueue } from './queue/work-queue.ts';
import { SqliteRegistry } from './registry/registry.ts';
import { TenantFiles } from './registry/tenant-files.ts';
import { WakeFile } from './registry/wake-file.ts';
import { SqliteSchema } from './schema-control.ts';
import { UnchangedFiles } from './unchanged-files.ts';

export { tenantFile } from './paths.ts';
export { allMessages } from './queue/all-messages.ts';

export interface SqliteEngineOptions {
  /** The registry's file; or ':memory:' for a registry in this process that exists as long as the engine. */
  readonly registry: string;
  /**
   * Where the relative paths of tenants' files begin, for a registry in memory; default: the working directory. Other
   * registries use the folder of their file.
   */
  readonly folder?: string;
  /**
   * `full` (the default): what a call has stored survives a power cut, but for reports, plans that find nothing due, and minutes
   * of the history. `normal` is faster: a power cut may undo the last commits, but a crash of the process does not.
   */
  readonly synchronous?: Synchronous;
  /**
   * Milliseconds that a call waits for another connection's lock before it fails with DATABASE_LOCKED; default 5,000.
   */
  readonly busyTimeoutMs?: number;
  /**
   * Called when reports, which do not wait for the disk, could not be brought to it; at most once in ten minutes. The next report,
   * wake or plan tries again.
   */
  readonly onUnsynced?: ((error: MultiOutboxError) => void) | undefined;
  /** Replaces the machine's clock in simulations and tests; returns milliseconds since 1970. */
  readonly clock?: () => number;
}

export function createSqliteEngine(options: SqliteEngineOptions): Engine {
  return new SqliteEngine(options);
}

class SqliteEngine implements Engine {
  readonly kind = 'sqlite';
  readonly #registry: string;
  readonly #folder: string;
  readonly #synchronous: Synchronous;
  readonly #busyTimeoutMs: number;
  readonly #clock: (() => number) | undefined;
  readonly #onUnsynced: SqliteEngineOptions['onUnsynced'];
  /** The files in use, by path, with their handles; all handles of a file share one connection. */
  readonly #files = new Map<string, { readonly file: DatabaseFile; handles: Set<DatabaseHandle> }>();
  readonly #openFiles: OpenFiles = new Map();
  readonly #unchanged = new UnchangedFiles();
  #closed = false;

  constructor(options: SqliteEngineOptions) {
    if (options.registry === '') {
      throw new MultiOutboxError(
        'INVALID_CONFIGURATION',
        `the path of the registry's file is empty; give a path, such as .data/registry.db`,
      );
    }
    if (isSideFile(options.registry)) {
      throw new MultiOutboxError(
        'INVALID_CONFIGURATION',
        `the path of the registry's file ends like the files that are kept beside a database (-journal, -wal, -shm, -wake), or is a link to one; give the file another name`,
      );
    }
    this.#registry = options.registry === memoryPath ? memoryPath : resolve(options.registry);
    this.#folder = options.folder ?? process.cwd();
    this.#synchronous = options.synchronous ?? 'full';
    this.#busyTimeoutMs = options.busyTimeoutMs ?? 5_000;
    this.#clock = options.clock;
    this.#onUnsynced = options.onUnsynced;
  }

  openRegistry(): Registry {
    const handle = this.#open(this.#registry, undefined, registrySchema);
    const wakeFile = this.#registry === memoryPath ? null : new WakeFile(this.#registry);
    const files = new TenantFiles(this.#registry);
    return new SqliteRegistry(handle, files, wakeFile, () => this.#release(handle), this.#onUnsynced);
  }

  openTenant(address: TenantAddress): TenantDatabase {
    const handle = this.#open(this.#fileOf(address), address.id, tenantSchema);
    return new SqliteTenant(address.id, handle, () => this.#release(handle));
  }

  databaseKey(address: TenantAddress): string {
    return databaseKeyOf(this.#registry, this.#fileOf(address));
  }

  fileId(address: TenantAddress): string | null {
    const stats = statOf(this.#fileOf(address));
    return stats === undefined ? null : placeOf(stats);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { file, handles } of this.#files.values()) {
      for (const handle of handles) handle.close();
      file.disconnect();
    }
    this.#files.clear();
  }

  #fileOf(address: TenantAddress): string {
    const path = tenantFile(this.#registry, address, this.#folder);
    if (this.#registry !== memoryPath && isSameFile(path, this.#registry)) {
      throw new MultiOutboxError(
        'INVALID_TENANT',
        `tenant '${address.id}': 'database' is the path of the registry's file; give the tenant a file of its own`,
        { tenantId: address.id },
      );
    }
    return path;
  }

  #open(path: string, tenantId: string | undefined, schema: Schema): DatabaseHandle {
    if (this.#closed) throw new MultiOutboxError('CLOSED', 'the engine was closed; create another one');
    let used = this.#files.get(path);
    if (used === undefined) {
      const file = new DatabaseFile(path, this.#synchronous, this.#clock, this.#openFiles, this.#unchanged);
      used = { file, handles: new Set() };
      this.#files.set(path, used);
    }
    const handle = new DatabaseHandle(used.file, {
      tenantId,
      schema,
      busyTimeoutMs: this.#busyTimeoutMs,
    });
    used.handles.add(handle);
    return handle;
  }

  #release(handle: DatabaseHandle): void {
    if (!handle.close()) return;
    const { path } = handle.file;
    const used = this.#files.get(path);
    if (used === undefined || !used.handles.delete(handle)) return;
    // A database in memory would be lost with its connection.
    if (used.handles.size > 0 || used.file.inMemory) return;
    used.file.disconnect();
    this.#files.delete(path);
  }
}

function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => {
    const stats = statOf(path);
    return stats === undefined ? null : placeOf(stats);
  });
  // The places say it by themselves, unless there is no file yet, or its file system has no numbers.
  return a !== null && b !== null ? a === b : canonicalPath(one) === canonicalPath(other);
}

class SqliteTenant implements TenantDatabase {
  readonly tenantId: string;
  readonly schema: SchemaControl;
  readonly leases: LeaseStore;
  readonly #handle: DatabaseHandle;
  readonly #queues = new Map<QueueName, WorkQueue>();
  readonly #close: () => void;

  constructor(tenantId: string, handle: DatabaseHandle, close: () => void) {
    this.tenantId = tenantId;
    this.#handle = handle;
    this.#close = close;
    this.schema = new SqliteSchema(handle);
    this.leases = new SqliteLeaseStore(handle);
  }

  queue(name: QueueName): WorkQueue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new SqliteWorkQueue(this.#handle, name);
      this.#queues.set(name, queue);
    }
    return queue;
  }

  async close(): Promise<void> {
    this.#close();
  }
}
