/** Places for SQL Server: databases on a server, reused from one repetition to the next. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import mssql from 'mssql';
import { type DriverSettings, driverConfig } from '../../src/engine/sqlserver/driver-config.ts';
import { registryTarget } from '../../src/engine/sqlserver/target.ts';
import { TestDatabases, tenantAddress, tenantsSetting } from '../../test/support/sqlserver-databases.ts';
import type { Place, Places, RawTenant } from '../place.ts';
import { openRawRegistry } from './raw-registry.ts';
import { openRawTenant } from './raw-tenant.ts';

/** The engine's settings, but with one connection. The size of a packet depends on the encryption. */
const rawConnection: DriverSettings = {
  encrypt: true,
  trustServerCertificate: false,
  poolSize: 1,
  connectTimeoutMs: 15_000,
  requestTimeoutMs: 30_000,
};

/** @param connectionString of a login that may create databases; a database named in it is not changed */
export function sqlServerPlaces(connectionString: string): Places {
  const databases = new TestDatabases(connectionString);
  process.env[tenantsSetting] = databases.connectionString;
  return {
    kind: 'sqlserver',
    rawLoop: 'The raw loop calls the same procedures, one after another, with nothing but the driver.',
    minimalLoop:
      'The minimal loop calls one procedure of its own, which settles, claims and reads by three statements; it has no lease, fence, ordering, recovery or report.',
    // Every call crosses a network, and creating a tenant's database takes seconds.
    scale: 0.1,
    coldCalls: 2,
    messagesAtMost: 20_000,
    callsAtMost: 2_000,
    open: () => openPlace(databases),
    remove: () => databases.dispose(),
  };
}

/** The channel on which mssql reports each connection that it has opened. */
const loginChannel = 'mssql:connection:create';

async function openPlace(databases: TestDatabases): Promise<Place> {
  const registry = await databases.take('registry');
  const names = new Map<string, string>();
  let logins = 0;
  const onLogin = (message: unknown) => {
    const { database } = message as { database: string };
    if ([...names.values()].includes(database)) logins++;
  };
  subscribe(loginChannel, onLogin);
  const connect = (name: string) => {
    const target = registryTarget(databases.registryUrl(name), {});
    return new mssql.ConnectionPool(driverConfig(target, rawConnection, null)).connect();
  };
  /** The raw tenants that a failed benchmark has not closed. */
  const open = new Map<string, RawTenant>();
  async function newTenant(id: string) {
    const database = await databases.take('tenant');
    names.set(id, database);
    return { ...tenantAddress(database, id) };
  }
  async function removeTenant(id: string) {
    await open.get(id)?.close();
    await databases.giveBack(names.get(id)!);
    names.delete(id);
  }
  return {
    registry: databases.registryUrl(registry),
    newTenant,
    async copyTenant(from, to) {
      const definition = await newTenant(to);
      const columns = await copiedColumns(await databases.pool(definition.database));
      const table = 'messaging.Outbox';
      await databases.batch(
        definition.database,
        `SET IDENTITY_INSERT ${table} ON;
        INSERT ${table} (${columns}) SELECT ${columns} FROM [${names.get(from)}].${table};
        SET IDENTITY_INSERT ${table} OFF`,
      );
      return definition;
    },
    removeTenant,
    async rawTenant(id) {
      const tenant = openRawTenant(await connect(names.get(id)!), () => open.delete(id));
      open.set(id, tenant);
      return tenant;
    },
    rawRegistry: async () => openRawRegistry(await connect(registry)),
    logins: () => logins,
    async remove() {
      unsubscribe(loginChannel, onLogin);
      for (const id of [...names.keys()]) await removeTenant(id);
      await databases.giveBack(registry);
    },
  };
}

async function copiedColumns(pool: mssql.ConnectionPool): Promise<string> {
  const { recordset } = await pool.query<{ name: string }>(
    `SELECT name FROM sys.columns WHERE object_id = OBJECT_ID(N'messaging.Outbox') AND is_computed = 0`,
  );
  return recordset.map(({ name }) => `[${name}]`).join(', ');
}
