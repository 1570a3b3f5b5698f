import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../errors.ts';
import { recordFleet } from '../../telemetry/fleet-gauges.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { isMeasured } from '../../telemetry/metrics.ts';
import { TenantGauges } from '../../telemetry/tenant-gauges.ts';
import { worstValues } from './worst-values.ts';

const intervalMs = 60_000;
/** So long that the host that records keeps the lease, and another host takes over soon after its end. */
const leaseMs = 90_000;
const leaseName = 'fleet-gauge';

/**
 * The metrics of the fleet's state. Recording them counts all tenants, so it happens once a minute, in one host of the
 * fleet: the one that has this lease in the registry.
 */
export class FleetGauge {
  readonly #owner: string;
  readonly #logger: Logger;
  readonly #tenants = new TenantGauges(leaseMs);
  /** When the next recording is due, by `performance.now()`. */
  #dueAt = 0;

  constructor(owner: string, logger: Logger) {
    this.#owner = owner;
    this.#logger = logger;
  }

  /**
   * Records the fleet's state if metrics are exported, a minute has passed, and no other host records it. Call it before
   * a plan, which changes what is due. Never throws.
   * @returns whether it has recorded it; then call `showTenants`
   */
  async recordIfDue(registry: Registry): Promise<boolean> {
    const now = performance.now();
    if (now < this.#dueAt || !isMeasured()) return false;
    this.#dueAt = now + intervalMs;
    try {
      const lease = await registry.leases.acquire({
        name: leaseName,
        owner: this.#owner,
        durationMs: leaseMs,
      });
      if (lease.status !== 'acquired') return false;
      recordFleet(await registry.fleet());
      return true;
    } catch (error) {
      this.#logger.warn('The metrics of the fleet’s state could not be recorded.', {
        error: describeError(error),
      });
      return false;
    }
  }

  /** Reads the tenants, a page at a time, and shows the worst until the lease ends. No plan need wait for it. Never throws. */
  async showTenants(
    registry: Registry,
    options: { readonly limit: number; readonly signal: AbortSignal },
  ): Promise<void> {
    if (options.limit === 0) return;
    try {
      this.#tenants.show(await worstValues(registry, options));
    } catch (error) {
      if (options.signal.aborted) return;
      this.#logger.warn('The metrics of the worst tenants could not be recorded.', {
        error: describeError(error),
      });
    }
  }

  close(): void {
    this.#tenants.close();
  }
}
