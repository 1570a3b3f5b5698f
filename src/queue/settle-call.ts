/** A run's call to the engine: one round trip that settles the outcomes, and claims, renews or releases (Q8). */
import type { Claim, SettleRequest, SettleResult, WorkQueue } from '../engine/work-queue.ts';
import { describeError, isMultiOutboxError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import { publishPoint } from '../telemetry/points.ts';
import type { RunTrace } from '../telemetry/spans.ts';
import type { Backlog } from './backlog.ts';
import type { FailureListeners } from './failures.ts';
import type { LoopBlocks } from './loop-blocks.ts';
import type { EndedMessage } from './outcome.ts';
import type { RunLease } from './run-lease.ts';
import type { RunTally } from './tally.ts';

export interface SettleCallOptions extends CountWarning {
  readonly queue: WorkQueue;
  readonly tenant: { readonly id: string };
  readonly dispatch: Settings['dispatch'];
  readonly retention: Settings['retention'];
  readonly trace?: RunTrace | undefined;
}

interface CountWarning {
  readonly logger: Logger;
  readonly failures?: Pick<FailureListeners, 'limit'> | undefined;
}

/** The run has ended well, so only the log says that the registry keeps earlier counts (S2). */
export function warnIfUncounted(
  { logger, failures }: CountWarning,
  { countError }: Pick<Claim, 'countError'>,
): void {
  if (countError === undefined || failures?.limit.allows('uncounted', {}) === false) return;
  logger.warn('The messages that are left in the queue could not be counted; status shows earlier counts.', {
    error: describeError(countError),
  });
}

/**
 * The most Done messages that one call removes. A call holds its locks until its deletes are done, and a run
 * makes a call for each batch. So with the default batch size a run can remove ten times as many messages as
 * it adds.
 */
export const mostPurgedAtOnce = 1_000;

/** The parts of a run that record the engine's answers. */
export interface RunBooks {
  readonly lease: RunLease;
  readonly backlog: Backlog;
  readonly tally: RunTally;
  readonly blocks: LoopBlocks;
}

/**
 * Calls the engine, and repeats a failed call while the lease lasts: only this process has the outcomes, and if it
 * dropped them their messages would run twice. Returns undefined when the lease ran out before an answer came.
 * @throws the engine's error when another try is useless: the database is closed, or the lease had run out at its
 *   release
 */
export async function settleWhileLeaseLasts(
  options: SettleCallOptions,
  { lease, backlog, tally, blocks }: RunBooks,
  outcomes: readonly EndedMessage[],
  then: SettleRequest['then'],
): Promise<SettleResult | undefined> {
  const { queue, tenant, dispatch, retention, logger, trace } = options;
  const { leaseMs, onDead } = dispatch;
  const request: SettleRequest = {
    lease: lease.ref,
    leaseMs,
    outcomes,
    onDead,
    then,
    retention: { ...retention, limit: mostPurgedAtOnce },
  };
  const point = then.do === 'renew-lease' ? 'renew' : 'settle';
  for (let tries = 1; ; tries++) {
    const sentAt = performance.now();
    tally.roundTrips++;
    publishPoint(`${point}:before`, tenant.id);
    try {
      const settle = () => blocks.database(() => queue.settle(request));
      const result = await (trace ? trace.settling(outcomes, settle) : settle());
      publishPoint(`${point}:after`, tenant.id);
      tally.count(outcomes, result.unmatched);
      tally.times.answered(result.nowUtc);
      lease.answered(result, sentAt);
      backlog.answered(result, then);
      warnIfUncounted(options, result);
      return result;
    } catch (error) {
      if (then.do === 'claim') backlog.claimFailed();
      if (isMultiOutboxError(error, 'CLOSED')) throw error;
      if (lease.remainingMs <= 0) {
        if (then.do === 'release-lease') throw error;
        return undefined;
      }
      logger.warn('Outcomes could not be written; the call is repeated until the lease runs out.', {
        tries,
        code: describeError(error).code,
      });
      const pauseMs = Math.min(50 * 2 ** tries, lease.remainingMs / 2);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
