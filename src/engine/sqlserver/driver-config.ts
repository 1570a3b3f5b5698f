/** What the driver is told about a database and about the connections to it. */
import type { TokenCredential } from '@azure/identity';
import type * as mssql from 'mssql';
import type { Encryption } from './connection-string.ts';
import type { ConnectionTarget, TargetLogin } from './target.ts';

export interface DriverSettings {
  readonly encrypt: boolean;
  readonly trustServerCertificate: boolean;
  /** Connections a pool may have. */
  readonly poolSize: number;
  readonly idleCloseMs: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/**
 * A packet before the two sides have agreed on a size (MS-TDS 2.2.3.1). The driver uses the size it asks for from the
 * first byte on: a login by password fits into one such packet, a token does not.
 */
const agreedPacketSize = 4_096;
/** A packet within TLS, which has no larger records. */
const encryptedPacketSize = 16_383;
/** The protocol's largest: a batch of messages takes the fewest packets. */
const largestPacketSize = 32_767;

function packetSize(login: TargetLogin, encrypt: Encryption): number {
  if (login.kind === 'token') return agreedPacketSize;
  return encrypt !== false ? encryptedPacketSize : largestPacketSize;
}

export function driverConfig(
  target: ConnectionTarget,
  settings: DriverSettings,
  credential: TokenCredential | null,
): mssql.config {
  const { login } = target;
  const encrypt = target.encrypt ?? settings.encrypt;
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
      packetSize: packetSize(login, encrypt),
      encrypt,
      trustServerCertificate: target.trustServerCertificate ?? settings.trustServerCertificate,
      ...(target.multiSubnetFailover && { multiSubnetFailover: true }),
      ...(target.instance !== null && { instanceName: target.instance }),
    },
  } as unknown as mssql.config;
}
