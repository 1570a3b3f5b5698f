/** `run --health` and `--metrics`: one HTTP server for each address. */
import {
  type Address,
  addressText,
  type HttpServer,
  type Routes,
  startHttpServer,
} from '../health/http-server.ts';
import { healthRoutes, metricsRoute } from '../health/serve-health.ts';
import type { MultiOutbox } from '../multi-outbox.ts';
import type { Logger } from '../telemetry/logger.ts';
import { UsageError } from './errors.ts';

export interface ServedAddresses {
  readonly health?: Address;
  readonly metrics?: Address;
}

interface Served {
  readonly multiOutbox: MultiOutbox;
  readonly scrape: (() => Promise<string>) | undefined;
  /** Fires when the host begins to stop. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/**
 * Serves the addresses that were given; returns the function that ends it.
 * @throws MultiOutboxError INVALID_ARGUMENT when it cannot listen
 */
export async function serveAddresses(
  { health, metrics }: ServedAddresses,
  { multiOutbox, scrape, signal, logger }: Served,
): Promise<() => Promise<void>> {
  const served = new Map<string, [Address, Routes]>();
  const serve = (address: Address, routes: Routes) => {
    const key = addressText(address);
    served.set(key, [address, { ...served.get(key)?.[1], ...routes }]);
  };
  if (health) serve(health, healthRoutes(multiOutbox, signal));
  if (metrics) {
    if (scrape === undefined)
      throw new UsageError('--metrics needs the OpenTelemetry SDK, which OTEL_SDK_DISABLED turns off.');
    serve(metrics, metricsRoute(multiOutbox, scrape));
  }
  const servers: HttpServer[] = [];
  const close = async () => {
    await Promise.all(servers.map((server) => server.close()));
  };
  try {
    for (const [address, routes] of served.values()) {
      const server = await startHttpServer(address, routes, logger);
      servers.push(server);
      logger.info(`Serving ${Object.keys(routes).join(', ')} at ${server.origin}.`);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return close;
}
