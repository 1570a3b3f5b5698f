/**
 * The demo's databases on a SQL Server. The demo creates the registry's database if it is missing. Each customer has a
 * database named `<registry>_<customer>`; every start drops it and creates it again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { DemoDatabases } from '../../../examples/demo/databases.ts';
import { sharedCredential } from '../../engine/sqlserver/credential.ts';
import { loadDriver } from '../../engine/sqlserver/driver.ts';
import { driverConfig } from '../../engine/sqlserver/driver-config.ts';
import { serverKey } from '../../engine/sqlserver/server-name.ts';
import { type ConnectionTarget, registryTarget } from '../../engine/sqlserver/target.ts';
import { errorText } from '../../errors.ts';
import type { Settings } from '../../settings.ts';
import { FailedError } from '../errors.ts';

/** The app setting that the tenants name; both hosts find it in their environment. */
const setting = 'DEMO_TENANTS';
/** A table that marks the demo's own databases: the demo never drops others. */
const marker = 'MultiOutboxDemo';
const dropTriesMs = 10_000;

export function serverDatabases(
  registry: string,
  settings: Settings['sqlserver'],
  env: NodeJS.ProcessEnv = process.env,
): DemoDatabases {
  const target = registryTarget(registry, env);
  const { login } = target;
  if (login.kind === 'password') env[setting] = connectionString(target);
  const nameOf = (customer: string) => `${target.database}_${customer}`;

  /** Runs `work` on a connection to one of the server's databases. */
  async function on<T>(database: string, work: (run: Run) => Promise<T>): Promise<T> {
    const driver = await loadDriver();
    const credential = login.kind === 'token' ? await sharedCredential()() : null;
    const config = driverConfig({ ...target, database }, { ...settings, poolSize: 1 }, credential);
    const pool = await new driver.ConnectionPool(config).connect();
    try {
      return await work(async (sql) => (await new driver.Request(pool).query(sql)).recordset ?? []);
    } finally {
      await pool.close();
    }
  }

  const exists = async (run: Run, database: string) =>
    (await run(`SELECT DB_ID(N${quoted(database)}) AS Id`))[0]!.Id !== null;

  async function dropOwn(run: Run, database: string): Promise<void> {
    if (!(await exists(run, database))) return;
    const found = await on(database, (inside) => inside(`SELECT OBJECT_ID(N'dbo.${marker}') AS Id`));
    if (found[0]!.Id === null) {
      throw new FailedError(
        `The server holds a database '${database}' that is not the demo's; give the demo's registry another name.`,
      );
    }
    await drop(run, database);
  }

  return {
    where: `on ${serverKey(target)}`,
    tenant: (customer) => ({
      server: serverKey(target),
      database: nameOf(customer),
      auth: login.kind === 'token' ? { kind: 'managed-identity' } : { kind: 'setting', name: setting },
    }),
    async prepare(customers) {
      try {
        await on('master', async (run) => {
          if (!(await exists(run, target.database)))
            await run(`CREATE DATABASE ${bracketed(target.database)}`);
          for (const customer of customers) {
            const database = nameOf(customer);
            await dropOwn(run, database);
            await run(`CREATE DATABASE ${bracketed(database)}`);
            await on(database, (inside) => inside(`CREATE TABLE dbo.${marker} (Id int NULL)`));
          }
        });
      } catch (error) {
        if (error instanceof FailedError) throw error;
        throw new FailedError(
          `The demo cannot create its databases: ${errorText(error)}; check the connection string, and that its login may create databases.`,
          { cause: error },
        );
      }
    },
    ruin: (customer) => on('master', (run) => drop(run, nameOf(customer))),
  };
}

type Run = (sql: string) => Promise<readonly Record<string, unknown>[]>;

async function drop(run: Run, database: string): Promise<void> {
  const name = bracketed(database);
  const giveUpAt = performance.now() + dropTriesMs;
  for (;;) {
    try {
      // SINGLE_USER ends the sessions of connected clients, but some servers do not support it.
      await run(`ALTER DATABASE ${name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE`).catch(() => {});
      await run(`DROP DATABASE ${name}`);
      return;
    } catch (error) {
      // A connection that was closed a moment ago may still exist on the server.
      if (performance.now() > giveUpAt) throw error;
      await pause(100);
    }
  }
}

/** The connection string names no database: each tenant has its own. */
function connectionString(target: ConnectionTarget): string {
  const { login, encrypt, trustServerCertificate, multiSubnetFailover } = target;
  const { user, password } = login as Extract<typeof login, { kind: 'password' }>;
  const parts: Record<string, string | boolean | null> = {
    Server: serverKey(target),
    'User Id': user,
    Password: password,
    Encrypt: encrypt,
    TrustServerCertificate: trustServerCertificate,
    MultiSubnetFailover: multiSubnetFailover,
  };
  return Object.entries(parts)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}="${String(value).replaceAll('"', '""')}"`)
    .join(';');
}

const bracketed = (name: string) => `[${name.replaceAll(']', ']]')}]`;
const quoted = (name: string) => `'${name.replaceAll("'", "''")}'`;
