/**
 * While a run lives, no plan may choose its tenant again; soon after the run's host has died, a plan must (F3). So the run
 * sets its tenant's due time again and again, each time to one lease from then: that is when another run can take the
 * lease of a run that has died.
 */
import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';

export interface PostponePlansOptions {
  readonly registry: Registry;
  readonly tenantId: string;
  /** As in the run's report. */
  readonly tenantVersion?: number;
  /** The duration of the run's queue leases, milliseconds. */
  readonly leaseMs: number;
  readonly logger: Logger;
}

/** Milliseconds. A shorter run, such as a look at an idle tenant, costs no call. */
const firstAfterMs = 500;

/**
 * Begins to postpone the tenant's plans. A wake that comes meanwhile takes effect with the run's report (F7).
 * @returns the function that ends it. Await it before the run's report, whose due time must be the last to be written.
 */
export function postponePlans({
  registry,
  tenantId,
  tenantVersion,
  leaseMs,
  logger,
}: PostponePlansOptions): () => Promise<void> {
  let timer: NodeJS.Timeout;
  let call = Promise.resolve();
  let isEnded = false;

  function postponeAfter(ms: number): void {
    timer = setTimeout(() => {
      call = postpone().finally(() => {
        if (!isEnded) postponeAfter(leaseMs / 3);
      });
    }, ms);
  }

  async function postpone(): Promise<void> {
    try {
      await registry.postpone(tenantId, leaseMs, tenantVersion);
    } catch (error) {
      // A second run would be skipped, because this run has the lease.
      logger.debug('The tenant’s next plan could not be postponed.', { error: describeError(error) });
    }
  }

  postponeAfter(Math.min(firstAfterMs, leaseMs / 3));
  return async () => {
    isEnded = true;
    clearTimeout(timer);
    await call;
  };
}
