/** mssql, loaded when first needed, and pools of it that log in no more often than they have to. */
import type { TokenCredential } from '@azure/identity';
import type * as mssql from 'mssql';
import type { Semaphore } from '../semaphore.ts';
import type { ConnectionTarget } from './target.ts';

export type Driver = typeof mssql;

let loading: Promise<Driver> | undefined;

export function loadDriver(): Promise<Driver> {
  // The default export: a CommonJS module's named exports are guessed, and not all of them are.
  loading ??= import('mssql').then(
    (module) => ((module as { default?: Driver }).default ?? module) as Driver,
  );
  return loading;
}

export interface DriverSettings {
  readonly encrypt: boolean;
  readonly trustServerCertificate: boolean;
  /** Connections a pool may have. */
  readonly poolSize: number;
  readonly idleCloseMs: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly packetSize: number;
}

export function driverConfig(
  target: ConnectionTarget,
  settings: DriverSettings,
  credential: TokenCredential | null,
): mssql.config {
  const { login } = target;
  return {
    server: target.host,
    database: target.database,
    connectionTimeout: settings.connectTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    // A pool whose connections were cut notices by their sockets; SELECT 1 would double every call's round trips.
    validateConnection: 'socket',
    ...(target.instance === null && { port: target.port }),
    ...(login.kind === 'password' && { user: login.user, password: login.password }),
    ...(login.kind === 'token' && { authentication: { type: 'token-credential', options: { credential } } }),
    pool: {
      min: 0,
      max: settings.poolSize,
      idleTimeoutMillis: settings.idleCloseMs,
      createTimeoutMillis: settings.connectTimeoutMs + 1_000,
      acquireTimeoutMillis: settings.connectTimeoutMs + settings.requestTimeoutMs,
    },
    options: {
      appName: 'multi-outbox',
      useUTC: true,
      packetSize: settings.packetSize,
      encrypt: target.encrypt ?? settings.encrypt,
      trustServerCertificate: target.trustServerCertificate ?? settings.trustServerCertificate,
      ...(target.instance !== null && { instanceName: target.instance }),
    },
  } as unknown as mssql.config;
}

/** What mssql's pool calls within itself to make and to end a connection. */
interface PoolInternals {
  _poolCreate(): Promise<object>;
  _poolDestroy(connection: object): Promise<void>;
  readonly pool: unknown;
}

interface LoginError {
  number?: number;
}

/**
 * A pool that keeps the connection with which mssql tries its configuration out, instead of closing it and logging in
 * once more; whose logins pass the semaphore; and whose login errors bear the server's number, which tedious leaves out.
 */
export function createPool(driver: Driver, config: mssql.config, semaphore: Semaphore): mssql.ConnectionPool {
  let kept: object | null = null;
  let loginNumber: number | undefined;
  const pool = new driver.ConnectionPool({
    ...config,
    beforeConnect: (connection: { on(event: string, listener: (info: LoginError) => void): void }) => {
      connection.on('errorMessage', (info) => {
        loginNumber = info.number;
      });
    },
  } as mssql.config);
  const internals = pool as unknown as PoolInternals;
  const create = internals._poolCreate.bind(pool);
  const destroy = internals._poolDestroy.bind(pool);
  internals._poolCreate = async () => {
    const connection = kept;
    kept = null;
    if (connection !== null && (connection as { closed?: boolean }).closed !== true) return connection;
    try {
      return await semaphore.use(create);
    } catch (error) {
      if (loginNumber !== undefined && (error as LoginError).number === undefined) {
        (error as LoginError).number = loginNumber;
      }
      throw error;
    } finally {
      loginNumber = undefined;
    }
  };
  internals._poolDestroy = async (connection) => {
    if (internals.pool === undefined || internals.pool === null) {
      kept = connection;
      return;
    }
    await destroy(connection);
  };
  const close = pool.close.bind(pool) as () => Promise<void>;
  pool.close = (async () => {
    await close();
    if (kept !== null) await destroy(kept);
    kept = null;
  }) as typeof pool.close;
  // What breaks an idle connection is told to the next call; without a listener it would end the process.
  pool.on('error', () => {});
  return pool;
}
