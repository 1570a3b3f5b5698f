/**
 * The SQL Server engine: the registry in one database and each tenant in a database of its own, through mssql.
 * It reads and changes queues, leases and tenants only through stored procedures, whose scripts are in sql/.
 */
import { MultiOutboxError } from '../../errors.ts';
import type { ResolveHost } from '../../host-resolver.ts';
import type { Engine, TenantAddress, TenantDatabase } from '../engine.ts';
import type { LeaseStore } from '../lease-store.ts';
import type { Registry } from '../registry.ts';
import type { SchemaControl } from '../schema.ts';
import { Semaphore } from '../semaphore.ts';
import type { QueueName, WorkQueue } from '../work-queue.ts';
import { assertServerAllowed, cloudServers, isServerAllowed, serverPattern } from './allowed-servers.ts';
import { type CredentialFactory, sharedCredential } from './credential.ts';
import { Database } from './database.ts';
import { SqlServerLeaseStore } from './lease-store.ts';
import { type DiscardedConnection, Pools, poolKey } from './pools.ts';
import { SqlServerWorkQueue } from './queue/work-queue.ts';
import { SqlServerRegistry } from './registry/registry.ts';
import { SqlServerSchema } from './schema-control.ts';
import { databaseKey } from './server-name.ts';
import { type ConnectionTarget, registryTarget, tenantTarget } from './target.ts';

export interface SqlServerEngineOptions {
  /**
   * The registry's database: `mssql://server[:port]/database?schema=…&auth=managed-identity|setting:NAME`, or `mssql:`
   * followed by an ADO connection string. Absent: the engine opens tenants only.
   */
  readonly registry?: string;
  /** The credential of all logins by token; DefaultAzureCredential when absent. */
  readonly credential?: CredentialFactory;
  /** The app settings that tenants name; the environment when absent. */
  readonly env?: NodeJS.ProcessEnv;
  /**
   * Whether to encrypt, for connection strings and URLs that do not set it (they may also set `strict`, TDS
   * 8); true when absent.
   */
  readonly encrypt?: boolean;
  /**
   * Whether to accept any certificate, for connection strings and URLs that do not set it; false when absent. Use
   * true only for local servers.
   */
  readonly trustServerCertificate?: boolean;
  /** Servers that a token may be sent to, by pattern; the clouds' domains and the registry's server when absent. */
  readonly allowedServers?: readonly string[];
  readonly pools?: {
    /** The most connections to one database; 3 when absent. Handlers' transactions leave one of them free. */
    readonly size?: number;
    /** The most databases with an open pool; 256 when absent. */
    readonly maxOpen?: number;
    /** The most connections to one server, logins in progress included; 300 when absent. */
    readonly maxConnectionsPerServer?: number;
    /** Milliseconds after which an unused pool is closed; 600,000 when absent. */
    readonly idleCloseMs?: number;
    /** The most logins in progress on one server; 8 when absent. */
    readonly loginsAtOnce?: number;
  };
  /** Milliseconds; 15,000 when absent. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds; 30,000 when absent. */
  readonly requestTimeoutMs?: number;
  /** Looks up servers' names; the hosts file and the machine's name servers when absent. */
  readonly resolveHost?: ResolveHost;
  /** Called for each connection that was closed because a transaction was left open on it, or may have been. */
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
  /**
   * The open databases. Databases with the same physical database and login share a pool, which is closed with the last
   * of them.
   */
  readonly #databases = new Set<Database>();
  #closed = false;

  constructor(options: SqlServerEngineOptions) {
    this.#env = options.env ?? process.env;
    this.#registry = options.registry === undefined ? null : registryTarget(options.registry, this.#env);
    this.#allowedServers = options.allowedServers?.map(serverPattern) ?? [
      ...cloudServers,
      ...(this.#registry === null ? [] : [this.#registry.host]),
    ];
    const {
      size = 3,
      maxOpen = 256,
      maxConnectionsPerServer = 300,
      idleCloseMs = 600_000,
      // A login costs the server far more than a query, so a start must not send hundreds at once.
      loginsAtOnce = 8,
    } = options.pools ?? {};
    this.#poolSize = Math.min(size, maxConnectionsPerServer);
    this.#pools = new Pools(
      {
        poolSize: this.#poolSize,
        maxOpen,
        maxConnectionsPerServer,
        idleCloseMs,
        loginsAtOnce,
        encrypt: options.encrypt ?? true,
        trustServerCertificate: options.trustServerCertificate ?? false,
        connectTimeoutMs: options.connectTimeoutMs ?? 15_000,
        requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
        resolveHost: options.resolveHost,
        mayReceiveToken: (host) => isServerAllowed(host, [...this.#allowedServers, ...cloudServers]),
        onDiscard: options.onDiscard,
      },
      sharedCredential(options.credential),
    );
  }

  openRegistry(): Registry {
    if (this.#registry === null)
      throw new MultiOutboxError(
        'INVALID_CONFIGURATION',
        "this engine has no registry; pass its URL to createSqlServerEngine, such as registry: 'mssql://server/database'",
      );
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

  /** The files of a server are its own matter. */
  fileId(): null {
    return null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const database of this.#databases) database.close();
    this.#databases.clear();
    await this.#pools.close();
  }

  /**
   * Only tokens are checked: a password is for the server that its connection string names, but a token also opens
   * other servers.
   */
  #assertAllowed(target: ConnectionTarget, tenantId: string | undefined): void {
    if (target.login.kind === 'token') assertServerAllowed(target.host, this.#allowedServers, tenantId);
  }

  /** One database schema cannot hold the registry's objects and a tenant's. */
  #assertNotRegistry(target: ConnectionTarget, { id }: TenantAddress): void {
    if (this.#registry === null || databaseKey(target) !== databaseKey(this.#registry)) return;
    if (target.schema.toLowerCase() !== this.#registry.schema.toLowerCase()) return;
    throw new MultiOutboxError(
      'INVALID_TENANT',
      `tenant '${id}': its database and schema are the registry's; give the tenant another database or another schema`,
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
    const own = poolKey(database.target);
    for (const other of this.#databases) if (poolKey(other.target) === own) return;
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
