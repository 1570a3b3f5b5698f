import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { isMeasured, recordFleet } from '../../telemetry/metrics.ts';

const intervalMs = 60_000;

/** The metric of the fleet's state. Recording it counts all tenants, so it happens at most once a minute. */
export class FleetGauge {
  readonly #logger: Logger;
  /** When the next recording is due, by `performance.now()`. */
  #dueAt = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Records the fleet's state if metrics are exported and a minute has passed. Never throws. */
  async recordIfDue(registry: Registry): Promise<void> {
    const now = performance.now();
    if (now < this.#dueAt || !isMeasured()) return;
    this.#dueAt = now + intervalMs;
    try {
      recordFleet(await registry.fleet());
    } catch (error) {
      this.#logger.warn('The metric of the fleet’s state could not be recorded.', {
        error: describeError(error),
      });
    }
  }
}
