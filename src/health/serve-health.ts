/** Health and metrics of a local host over HTTP, for probes, monitors and Prometheus. */
import { setTimeout as delay } from 'node:timers/promises';
import { MultiOutboxError, shownValue } from '../errors.ts';
import type { MultiOutbox } from '../multi-outbox-interface.ts';
import { checkFace, type NamesOf, optionsOf, signalOf } from '../options.ts';
import { recordFleet } from '../telemetry/fleet-gauges.ts';
import { type Logger, loggerOf, safeLogger, silentLogger } from '../telemetry/logger.ts';
import { fleetHealth, fleetHealthQuery } from './fleet-health.ts';
import { type Answer, type HttpServer, type Routes, startHttpServer } from './http-server.ts';
import { readiness } from './readiness.ts';

export const loopback = '127.0.0.1';

export interface HealthServerOptions {
  /** 0 for any free port. */
  readonly port: number;
  /**
   * The address of this machine on which it listens. Default: 127.0.0.1. Nobody is asked for a password, so name another
   * one only in a network that may read the tenants' ids and the state of the fleet.
   */
  readonly host?: string;
  /** The signal of `run`: once it has fired, `health/ready` answers 503. */
  readonly signal?: AbortSignal;
  /** Serves `/metrics` too: the `scrape` of `exportTelemetry(…, { scraped: true })`. */
  readonly scrape?: () => Promise<string>;
  /** Gets what a request could not be answered for. Default: none. */
  readonly logger?: Logger;
}

export interface HealthServer {
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:8080` */
  readonly origin: string;
  /** Call it when `run` has ended. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const optionNames: NamesOf<HealthServerOptions> = {
  port: true,
  host: true,
  signal: true,
  scrape: true,
  logger: true,
};

/**
 * Serves `/health/live`, `/health/ready`, `/health/fleet` and, with `scrape`, `/metrics`, without a framework. No request
 * touches a tenant's database (F6).
 * @throws MultiOutboxError INVALID_ARGUMENT, also when it cannot listen on the address
 */
export async function serveHealth(
  multiOutbox: Pick<MultiOutbox, 'handlers' | 'registrySchema' | 'status' | 'worst'>,
  options: HealthServerOptions,
): Promise<HealthServer> {
  checkFace('serveHealth', multiOutbox, ['registrySchema', 'status', 'worst']);
  const given = optionsOf('serveHealth', options, optionNames);
  signalOf('serveHealth', given.signal);
  loggerOf('serveHealth', given.logger);
  const { port, host = loopback, signal, scrape, logger = silentLogger } = given;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `serveHealth: 'port' is ${shownValue(port)}; give a whole number from 0 to 65535.`,
    );
  }
  // The longest name of a host (RFC 1035).
  if (typeof host !== 'string' || host.length > 255 || host.includes('\0')) {
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `serveHealth: 'host' is ${shownValue(host)}; give an address or a name of this machine, such as 127.0.0.1.`,
    );
  }
  const routes = { ...healthRoutes(multiOutbox, signal), ...(scrape && metricsRoute(multiOutbox, scrape)) };
  return disposable(await startHttpServer({ host, port }, routes, safeLogger(logger)));
}

function disposable(server: HttpServer): HealthServer {
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= server.close());
  return { ...server, close, [Symbol.asyncDispose]: close };
}

export function healthRoutes(
  multiOutbox: Pick<MultiOutbox, 'handlers' | 'registrySchema' | 'status' | 'worst'>,
  stopping: AbortSignal | undefined,
): Routes {
  return {
    '/health/live': () => json(200, { status: 'ok' }),
    '/health/ready': async () => {
      const ready = await readiness(multiOutbox, stopping);
      return json(ready.status === 'ok' ? 200 : 503, ready);
    },
    '/health/fleet': async (query) => {
      const options = fleetHealthQuery(query);
      const health = await fleetHealth(multiOutbox, options);
      return json(options.failOn !== undefined && health.status === 'troubled' ? 503 : 200, health);
    },
  };
}

/** For how long a scrape waits for the registry. Prometheus gives up after ten seconds by default. */
const fleetMs = 2_000;

/**
 * The metrics of this process. Each scrape reads the fleet's state first, so that every host shows it as it is now. While
 * the registry is away, the fleet's gauges end and the others go on.
 */
export function metricsRoute(
  multiOutbox: Pick<MultiOutbox, 'status'>,
  scrape: () => Promise<string>,
): Routes {
  return {
    '/metrics': async () => {
      const read = multiOutbox.status().then(recordFleet, () => {});
      await Promise.race([read, delay(fleetMs, undefined, { ref: false })]);
      // The format and version of the text that Prometheus reads.
      return { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body: await scrape() };
    },
  };
}

function json(status: number, value: unknown): Answer {
  return { status, contentType: 'application/json', body: JSON.stringify(value) };
}
