/** Which call a dispatch run makes next: a decision without waiting. Every call also settles what has ended (Q8). */
import type { Settings } from '../settings.ts';
import type { Phase } from './run-phase.ts';

export interface RunState {
  readonly phase: Phase;
  /** What the engine last said about the run's lease. `taken`: another run has it. */
  readonly lease: 'held' | 'taken' | 'released';
  /** The heartbeat waits for a renewal. */
  readonly renewalDue: boolean;
  /** Claimed messages whose handler has not been started. */
  readonly waiting: number;
  /** Claimed messages whose handler runs. */
  readonly running: number;
  /** Claimed messages that have their outcome and are not settled. */
  readonly ended: number;
  /** More messages can be claimed, as the engine last said. */
  readonly more: boolean;
  /** The engine's last answer is so old that messages may have become due since. */
  readonly answerIsOld: boolean;
  /** A recovered message is in flight or is due: nothing is claimed beside it (Q7). */
  readonly solo: boolean;
}

export type RunLimits = Pick<Settings['dispatch'], 'batchSize' | 'concurrency'>;

/**
 * - `claim-solo`: nothing is in flight, so a recovered message may come, and finding nothing releases the lease.
 * - `claim`: the next batch, beside the messages in flight.
 * - `renew-lease`: and nothing else.
 * - `release-lease`: at the end.
 * - `wait`: until something happens.
 * - `end`: there is nothing left to tell the engine.
 */
export type NextCall = 'claim-solo' | 'claim' | 'renew-lease' | 'release-lease' | 'wait' | 'end';

export function nextCall(state: RunState, limits: RunLimits): NextCall {
  const { lease, phase, waiting, running, ended } = state;
  if (lease === 'released') return 'end';
  if (lease === 'taken' && ended === 0) {
    // The engine sees to a commit under way; asking it meanwhile changes nothing.
    return running > 0 ? 'wait' : 'end';
  }
  if (phase === 'claiming' && lease === 'held') {
    if (waiting + running === 0) return 'claim-solo';
    if (mayClaimMore(state, limits)) return 'claim';
  } else if (running === 0 || phase === 'leaving') {
    // Also when another run has the lease: the outcomes are tried, so that the report knows which are lost.
    return 'release-lease';
  }
  return state.renewalDue ? 'renew-lease' : 'wait';
}

/** The next batch comes while the last messages of this one run: at most two batches are in memory (D6). */
function mayClaimMore(state: RunState, { batchSize, concurrency }: RunLimits): boolean {
  const { waiting, running, more, answerIsOld, solo } = state;
  if (solo || waiting >= concurrency || waiting + running > batchSize) return false;
  return more || (answerIsOld && running < concurrency);
}
