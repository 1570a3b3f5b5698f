import { describeError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { DispatchRequest } from './dispatch-request.ts';

export interface WakeOptions {
  /**
   * For a host with a queue of its own. It is called for each tenant that the wake has chosen, with the dispatch request,
   * which the caller must send. Default: a host of this process serves the tenant, or the next plan chooses it.
   */
  readonly onRequest?: ((request: DispatchRequest) => void | Promise<void>) | undefined;
}

/** A host that can serve woken tenants at once, without a plan (F7). */
export interface WakeHost {
  /** Keeps places for that many tenants, or for fewer. Returns how many places it keeps. */
  reserve(tenants: number): number;
  /** Serves the requests in the places that it has kept, and gives up the other places. */
  serve(requests: readonly DispatchRequest[], places: number): void | Promise<void>;
  /** Woken tenants are due, and there was no place for them. */
  planSoon(): void;
}

/** The hosts of this process. */
export class WakeHosts {
  readonly #hosts = new Set<WakeHost>();

  /** Returns the function that removes the host. */
  add(host: WakeHost): () => void {
    this.#hosts.add(host);
    return () => this.#hosts.delete(host);
  }

  /** Keeps places at the first host that has some. */
  reserve(tenants: number): { readonly host: WakeHost; readonly places: number } | null {
    for (const host of this.#hosts) {
      const places = host.reserve(tenants);
      if (places > 0) return { host, places };
    }
    return null;
  }

  planSoon(): void {
    for (const host of this.#hosts) host.planSoon();
  }
}

/** A host that sends all requests to a queue of its own. A request that it cannot send counts as lost. */
export function sendingHost(
  onRequest: (request: DispatchRequest) => void | Promise<void>,
  logger: Logger,
): WakeHost {
  const send = async (request: DispatchRequest) => {
    try {
      await onRequest(request);
    } catch (error) {
      logger.error(
        'A woken tenant’s dispatch request could not be sent; it is due again after the redispatch time.',
        {
          tenantId: request.tenantId,
          error: describeError(error),
        },
      );
    }
  };
  return {
    reserve: (tenants) => tenants,
    serve: async (requests) => void (await Promise.all(requests.map(send))),
    planSoon() {},
  };
}
