/** The driver's configuration for a database and its connections. */
import type { TokenCredential } from '@azure/identity';
import type * as mssql from 'mssql';
import type { ResolveHost } from '../../host-resolver.ts';
import type { Encryption } from './connection-string.ts';
import { createConnector } from './connector.ts';
import { browserPort } from './instance-port.ts';
import type { ConnectionTarget, TargetLogin } from './target.ts';

export interface DriverSettings {
  readonly encrypt: boolean;
  readonly trustServerCertificate: boolean;
  /** The most connections of a pool. */
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Looks up servers' names; the connector's own way when absent. */
  readonly resolveHost?: ResolveHost | undefined;
}

/**
 * The size of a packet before both sides have agreed on one (MS-TDS 2.2.3.1). The driver uses its requested size from
 * the first byte. A login by password fits into one packet of this size; a token does not, so its packets must have
 * this size.
 */
const agreedPacketSize = 4_096;
/** The largest packet in one TLS record. */
const encryptedPacketSize = 16_383;
/** The protocol's maximum, so that a batch of messages takes the fewest packets. */
const largestPacketSize = 32_767;

function packetSize(login: TargetLogin, encrypt: Encryption): number {
  if (login.kind === 'token') return agreedPacketSize;
  return encrypt !== false ? encryptedPacketSize : largestPacketSize;
}

/**
 * Milliseconds after which an idle pool has only one connection left; the pool's policy closes that one (pool-policy.ts).
 * It is longer than the time between two renewals of a lease of the default duration. While a handler's transaction is
 * open, a renewal needs a second connection.
 */
const surplusIdleMs = 30_000;

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
    // A socket shows that its connection was cut. A check with SELECT 1 would double every call's round trips.
    validateConnection: 'socket',
    // With `instanceName`, the driver would look the name up itself (instance-port.ts).
    port: target.instance === null ? target.port : browserPort,
    ownInstance: target.instance,
    ...(login.kind === 'password' && { user: login.user, password: login.password }),
    ...(login.kind === 'token' && { authentication: { type: 'token-credential', options: { credential } } }),
    pool: {
      // The driver opens no connection in advance; it keeps one of the open ones.
      min: 1,
      max: settings.poolSize,
      idleTimeoutMillis: surplusIdleMs,
      createTimeoutMillis: settings.connectTimeoutMs + 1_000,
      acquireTimeoutMillis: settings.connectTimeoutMs + settings.requestTimeoutMs,
    },
    options: {
      appName: 'multi-outbox',
      useUTC: true,
      packetSize: packetSize(login, encrypt),
      encrypt,
      trustServerCertificate: target.trustServerCertificate ?? settings.trustServerCertificate,
      connector: createConnector({
        atOnce: target.multiSubnetFailover,
        instance: target.instance,
        resolve: settings.resolveHost,
      }),
      ...(target.multiSubnetFailover && { multiSubnetFailover: true }),
    },
  } as unknown as mssql.config;
}
