/** What the driver is told about a database and about the connections to it. */
import type { TokenCredential } from '@azure/identity';
import type * as mssql from 'mssql';
import type { ConnectionTarget } from './target.ts';

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
