/**
 * The SQL Server engine: the registry in one database and each tenant in a database of its own, through mssql. All that
 * happens in a database is in stored procedures, whose scripts are below sql/.
 */
import { MultiOutboxError } from '../../errors.ts';
import type { Engine, TenantAddress, TenantDatabase } from '../engine.ts';
import type { LeaseStore } from '../lease-store.ts';
import type { Registry } from '../registry.ts';
import type { SchemaControl } from '../schema.ts';
import { Semaphore } from '../semaphore.ts';
import type { QueueName, WorkQueue } from '../work-queue.ts';
import { assertServerAllowed, cloudServers } from './allowed-servers.ts';
import { type CredentialFactory, sharedCredential } from './credential.ts';
import { Database } from './database.ts';
import { SqlServerLeaseStore } from './lease-store.ts';
import { type DiscardedConnection, Pools } from './pools.ts';
import { SqlServerWorkQueue } from './queue/work-queue.ts';
import { SqlServerRegistry } from './registry/registry.ts';
import { SqlServerSchema } from './schema-control.ts';
import { type ConnectionTarget, databaseKey, registryTarget, serverKey, tenantTarget } from './target.ts';

export interface SqlServerEngineOptions {
  /**
   * The registry's database: `mssql://server[:port]/database?schema=…&auth=managed-identity|setting:NAME`, or `mssql:`
   * followed by an ADO connection string. Absent: the registry is elsewhere.
   */
  readonly registry?: string;
  /** The credential for all databases that are entered by token; DefaultAzureCredential when absent. */
  readonly credential?: CredentialFactory;
  /** Where the app settings are that tenants name; the environment when absent. */
  readonly env?: NodeJS.ProcessEnv;
  /** For connection strings and URLs that do not say it themselves (they may also say `strict`, TDS 8); true when absent. */
  readonly encrypt?: boolean;
  /** As `encrypt`; false when absent. True is for local servers: it takes any certificate. */
  readonly trustServerCertificate?: boolean;
  /** Servers that a token may be sent to, by pattern; the clouds' domains and the registry's server when absent. */
  readonly allowedServers?: readonly string[];
  readonly pools?: {
    /** Connections to one database at most; 3 when absent. One of them is kept free of handlers' transactions. */
    readonly size?: number;
    /** Databases with an open pool at most; 64 when absent. */
    readonly maxOpen?: number;
    /** Connections to one server at most; 120 when absent. */
    readonly maxConnectionsPerServer?: number;
    /** A pool not used for this long is closed; 60,000 when absent. */
    readonly idleCloseMs?: number;
    /** Logins in progress at once; 8 when absent. */
    readonly loginsAtOnce?: number;
  };
  /** 15,000 when absent. */
  readonly connectTimeoutMs?: number;
  /** 30,000 when absent. */
  readonly requestTimeoutMs?: number;
  /** Told of each connection that was closed because a transaction was, or may have been, left open on it. */
  readonly onDiscard?: (discarded: DiscardedConnection) => void;
}

/** @throws INVALID_CONFIGURATION */
export function createSqlServerEngine(options: SqlServerEngineOptions): Engine {
  return new SqlServerEngine(options);
}

class SqlServerEngine implements Engine {
  readonly kind = 'sqlserver';
  readonly #registry: ConnectionTarget | null;
  readonly #env: NodeJS.ProcessEnv;
  readonly #allowedServers: readonly string[];
  readonly #pools: Pools;
  readonly #poolSize: number;
  /** Databases in use, by physical database and login; the pool goes with the last of them. */
  readonly #databases = new Set<Database>();
  #closed = false;

  constructor(options: SqlServerEngineOptions) {
    this.#env = options.env ?? process.env;
    this.#registry = options.registry === undefined ? null : registryTarget(options.registry, this.#env);
    this.#allowedServers = options.allowedServers ?? [
      ...cloudServers,
      ...(this.#registry === null ? [] : [this.#registry.host]),
    ];
    const {
      size = 3,
      maxOpen = 64,
      maxConnectionsPerServer = 120,
      idleCloseMs = 60_000,
      // A login takes the server far longer than a query: a start must not send it hundreds at once.
      loginsAtOnce = 8,
    } = options.pools ?? {};
    this.#poolSize = size;
    this.#pools = new Pools(
      {
        poolSize: size,
        maxOpen,
        maxPerServer: Math.max(1, Math.floor(maxConnectionsPerServer / size)),
        idleCloseMs,
        loginsAtOnce,
        encrypt: options.encrypt ?? true,
        trustServerCertificate: options.trustServerCertificate ?? false,
        connectTimeoutMs: options.connectTimeoutMs ?? 15_000,
        requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
        onDiscard: options.onDiscard,
      },
      sharedCredential(options.credential),
    );
  }

  openRegistry(): Registry {
    if (this.#registry === null)
      throw new MultiOutboxError('INVALID_CONFIGURATION', 'this engine was made without a registry');
    this.#assertAllowed(this.#registry, undefined);
    const database = this.#open(this.#registry, undefined);
    return new SqlServerRegistry(database, () => this.#release(database));
  }

  openTenant(address: TenantAddress): TenantDatabase {
    const target = tenantTarget(address, this.#env);
    this.#assertAllowed(target, address.id);
    this.#assertNotRegistry(target, address);
    const database = this.#open(target, address.id);
    const transactions = new Semaphore(Math.max(1, this.#poolSize - 1));
    return new SqlServerTenant(address.id, database, transactions, () => this.#release(database));
  }

  databaseKey(address: TenantAddress): string {
    const target = tenantTarget(address, this.#env);
    this.#assertAllowed(target, address.id);
    this.#assertNotRegistry(target, address);
    return databaseKey(target);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const database of this.#databases) database.close();
    this.#databases.clear();
    await this.#pools.close();
  }

  /** A password is for the server that its connection string names; a token would open doors elsewhere. */
  #assertAllowed(target: ConnectionTarget, tenantId: string | undefined): void {
    if (target.login.kind === 'token') assertServerAllowed(target.host, this.#allowedServers, tenantId);
  }

  /** The two kinds of schema do not live in one schema of one database. */
  #assertNotRegistry(target: ConnectionTarget, { id }: TenantAddress): void {
    if (this.#registry === null || databaseKey(target) !== databaseKey(this.#registry)) return;
    if (target.schema.toLowerCase() !== this.#registry.schema.toLowerCase()) return;
    throw new MultiOutboxError(
      'INVALID_TENANT',
      `tenant '${id}': its database is the registry's own; give the tenant a database, or a schema, of its own`,
      { tenantId: id },
    );
  }

  #open(target: ConnectionTarget, tenantId: string | undefined): Database {
    if (this.#closed) throw new MultiOutboxError('CLOSED', 'the engine was closed; create another one');
    const database = new Database(this.#pools, target, tenantId);
    this.#databases.add(database);
    return database;
  }

  async #release(database: Database): Promise<void> {
    database.close();
    if (!this.#databases.delete(database)) return;
    const key = (target: ConnectionTarget) =>
      JSON.stringify([serverKey(target), target.database, target.login]);
    const own = key(database.target);
    for (const other of this.#databases) if (key(other.target) === own) return;
    await this.#pools.discard(database.target);
  }
}

class SqlServerTenant implements TenantDatabase {
  readonly tenantId: string;
  readonly schema: SchemaControl;
  readonly leases: LeaseStore;
  readonly #database: Database;
  readonly #queues = new Map<QueueName, WorkQueue>();
  readonly #transactions: Semaphore;
  readonly #release: () => Promise<void>;

  constructor(tenantId: string, database: Database, transactions: Semaphore, release: () => Promise<void>) {
    this.#transactions = transactions;
    this.tenantId = tenantId;
    this.#database = database;
    this.#release = release;
    this.schema = new SqlServerSchema(database, 'tenant');
    this.leases = new SqlServerLeaseStore(database);
  }

  queue(name: QueueName): WorkQueue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new SqlServerWorkQueue(this.#database, name, this.#transactions);
      this.#queues.set(name, queue);
    }
    return queue;
  }

  close(): Promise<void> {
    return this.#release();
  }
}
