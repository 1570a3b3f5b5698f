/**
 * The world of a history on a server, in real time: the same processes, workload and faults, on the SQL Server engine. Each
 * process reaches the server through a proxy of its own, which cuts its connections when it dies.
 */
import mssql from 'mssql';
import type { Engine } from '../../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import type { TenantInput } from '../../../src/fleet/tenants/definition.ts';
import type { Settings } from '../../../src/settings.ts';
import { without } from '../../support/sqlserver-databases.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import type { Fault } from '../faults.ts';
import { Databases } from '../machine/databases.ts';
import type { Machine } from '../machine/machine.ts';
import type { Owned, SimulatedProcess } from '../machine/process.ts';
import { randomFor } from '../machine/randomness.ts';
import { RealTime } from '../machine/real-time.ts';
import type { QueueModelOptions } from '../models/queue-options.ts';
import type { RegistryModelOptions } from '../models/registry-model.ts';
import { TenantModel } from '../models/tenant-model.ts';
import { type BusinessTransaction, World, type WorldOptions } from '../world.ts';
import type { ServerDatabases } from './databases.ts';
import { QueueLedger } from './ledger.ts';
import { UncheckedRegistry } from './unchecked-registry.ts';

const tenantsSetting = 'SIMULATED_TENANTS';

/** What only files can suffer, or only under virtual time. */
const faultsOfFiles: readonly Fault[] = [
  'is restored to before a run',
  'has no file descriptors left',
  'disk is full',
  'clock steps forward',
  'clock steps back',
  'clock steps back at a death',
  'database is restored',
  'registry is restored',
  'tenant is moved',
];
/** Milliseconds. Longer than a call takes. */
const quietMs = 5_000;
/** More processes than a history starts. */
const mostProcesses = 60;

export interface Place {
  readonly databases: ServerDatabases;
  readonly registry: string;
  /** By tenant: its database. */
  readonly tenants: ReadonlyMap<string, string>;
}

export class ServerWorld extends World {
  override readonly ownsAllTimers = false;
  readonly #place: Place;
  readonly #proxies: TcpProxy[];
  readonly #used = new Map<SimulatedProcess, TcpProxy>();
  /** Since when no message has waited, in milliseconds of the history. */
  #quietSince: number | undefined;

  static async create(options: WorldOptions, place: Place): Promise<ServerWorld> {
    const target = targetOf(place.databases.connectionString);
    const proxies = await Promise.all(Array.from({ length: mostProcesses }, () => TcpProxy.start(target)));
    return new ServerWorld(options, place, proxies);
  }

  private constructor(options: WorldOptions, place: Place, proxies: TcpProxy[]) {
    super({ ...options, without: faultsOfFiles }, realMachine(options.seed));
    this.#place = place;
    this.#proxies = proxies;
  }

  override definition(input: TenantInput): TenantInput {
    const auth = { kind: 'setting', name: tenantsSetting } as const;
    return { ...input, database: this.databaseOf(input.id), auth };
  }

  databaseOf(tenantId: string): string {
    return this.#place.tenants.get(tenantId)!;
  }

  override engine(process: SimulatedProcess): Engine {
    const proxy = this.#proxies.pop();
    if (proxy === undefined) throw new Error(`more than ${mostProcesses} processes`);
    this.#used.set(process, proxy);
    const connections: Owned = { abandon: () => proxy.down() };
    process.owned.add(connections);
    const real = this.#engine(proxy.port);
    return {
      kind: real.kind,
      openRegistry: () => real.openRegistry(),
      openTenant: (address) => real.openTenant(address),
      databaseKey: (address) => real.databaseKey(address),
      fileId: (address) => real.fileId(address),
      async close() {
        await real.close();
        process.owned.delete(connections);
      },
    };
  }

  /** The simulator's own, without a proxy. */
  ownEngine(): Engine {
    return this.#engine(targetOf(this.#place.databases.connectionString).port);
  }

  /** On a connection of the process's own, which ends with it. */
  override async transaction(tenant: TenantModel, process: SimulatedProcess): Promise<BusinessTransaction> {
    const { port } = this.#used.get(process)!;
    const pool = new mssql.ConnectionPool(`${this.#through(port)};Database=${this.databaseOf(tenant.id)}`);
    await pool.connect();
    const transaction = pool.transaction();
    await transaction.begin();
    let isOpen = true;
    const end = async (how: 'commit' | 'rollback') => {
      isOpen = false;
      await transaction[how]();
    };
    return {
      driver: transaction,
      commit: () => end('commit'),
      rollback: () => end('rollback'),
      async close() {
        if (isOpen) await end('rollback').catch(() => {});
        await pool.close();
      },
    };
  }

  override async takeEffect(driver: unknown, messageId: string, attempt: number): Promise<void> {
    await new mssql.Request(driver as mssql.Transaction)
      .input('MessageId', messageId)
      .input('Attempt', attempt)
      .query('INSERT messaging.SimulatedEffects (MessageId, Attempt) VALUES (@MessageId, @Attempt)');
  }

  override async isUsable(driver: unknown): Promise<boolean> {
    return new mssql.Request(driver as mssql.Transaction).query('SELECT 1 AS One').then(
      () => true,
      () => false,
    );
  }

  /** Until no message has waited for a while: a call that stores one may still be on its way. */
  override async isBusy(): Promise<boolean> {
    if (await this.#hasWaiting()) this.#quietSince = undefined;
    else this.#quietSince ??= this.time.now;
    return this.#quietSince === undefined || this.time.now - this.#quietSince < quietMs;
  }

  override async checkTables(): Promise<void> {
    const { databases } = this.#place;
    for (const { id, queues } of this.tenants) {
      const effects = await databases.effects(this.databaseOf(id));
      for (const queue of Object.values(queues) as QueueLedger[]) {
        const rows = await databases.rows(this.databaseOf(id), queue.options.name);
        this.checked(() => {
          queue.checkRows(rows, effects);
          return '';
        });
      }
    }
  }

  override async checkRegistry(): Promise<void> {}

  override async checkLeases(owners: ReadonlySet<string>): Promise<void> {
    const { databases, registry, tenants } = this.#place;
    for (const name of [registry, ...tenants.values()]) {
      for (const lease of await databases.leases(name)) {
        if (!owners.has(lease.owner) || this.unansweredAcquisitions.has(lease.acquisitionId)) continue;
        this.broken('L4 release', `${lease.owner} still has the lease '${lease.name}'`);
      }
    }
  }

  /** A lease changes hands before the answer arrives. */
  override knownTenant(): undefined {}

  override reported(): void {}

  override same(_invariant: string, actual: number): string {
    return String(actual);
  }

  override close(): void {
    for (const process of this.#used.keys()) process.kill();
    for (const proxy of [...this.#used.values(), ...this.#proxies]) void proxy.close();
    super.close();
  }

  /** A call to a server takes longer than one to a file, the first one of a connection most of all. */
  protected override patient(settings: Settings): Settings {
    const { dispatch } = settings;
    return { ...settings, dispatch: { ...dispatch, leaseMs: 3 * dispatch.leaseMs } };
  }

  protected override queueModel(options: QueueModelOptions): QueueLedger {
    return new QueueLedger(options);
  }

  protected override registryModel(options: RegistryModelOptions): UncheckedRegistry {
    return new UncheckedRegistry(options);
  }

  protected override tenantModel(...parts: ConstructorParameters<typeof TenantModel>): TenantModel {
    return new ServerTenant(...parts);
  }

  async #hasWaiting(): Promise<boolean> {
    const { databases } = this.#place;
    for (const { id, queues } of this.tenants) {
      for (const queue of Object.values(queues) as QueueLedger[]) {
        const rows = await databases.rows(this.databaseOf(id), queue.options.name);
        if (queue.waiting(rows).length > 0) return true;
      }
    }
    return false;
  }

  /** The connection string for a proxy. */
  #through(port: number): string {
    const rest = without(
      this.#place.databases.connectionString,
      /^(server|data source|address|addr|network address)$/i,
    );
    return `Server=127.0.0.1,${port};${rest}`;
  }

  #engine(port: number): Engine {
    const { registry } = this.#place;
    const connectionString = this.#through(port);
    return createSqlServerEngine({
      registry: `mssql:${connectionString};Database=${registry}`,
      env: { [tenantsSetting]: connectionString },
    });
  }
}

class ServerTenant extends TenantModel {
  override committed(...[queue, messages, wake]: Parameters<TenantModel['committed']>): void {
    for (const inserted of messages) queue.stored(inserted, 0, wake);
  }
}

function realMachine(seed: number): Machine {
  const time = new RealTime();
  const databases = new Databases({ random: randomFor(seed, 'SQLite'), utc: () => time.utc });
  return {
    time,
    databases,
    close() {
      databases.close();
      time.close();
    },
  };
}

function targetOf(connectionString: string): { host: string; port: number } {
  const { server, port = 1433 } = mssql.ConnectionPool.parseConnectionString(connectionString) as {
    server: string;
    port?: number;
  };
  return { host: server, port };
}
