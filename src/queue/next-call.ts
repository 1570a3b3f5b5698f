/**
 * Decides which call a dispatch run makes next; a pure function. Every call also settles the outcomes that are ready
 * (Q8).
 */
import type { Settings } from '../settings.ts';
import type { Phase } from './run-phase.ts';

export interface RunState {
  readonly phase: Phase;
  /** The state of the run's lease, by the engine's last answer. `taken`: another run has it. */
  readonly lease: 'held' | 'taken' | 'released';
  /** Whether the heartbeat waits for a renewal. */
  readonly renewalDue: boolean;
  /** Claimed messages whose handler has not been started. */
  readonly waiting: number;
  /** How many of the waiting ones may start now, if the run's concurrency allows it. */
  readonly startable: number;
  /** Claimed messages whose handler runs. */
  readonly running: number;
  /** Claimed messages that have their outcome and are not settled. */
  readonly ended: number;
  /** Whether more messages can be claimed, by the engine's last answer and the handlers' limits. */
  readonly more: boolean;
  /** Whether the engine's last answer is so old that messages may have become due since. */
  readonly answerIsOld: boolean;
  /** A recovered message is in flight or due: the run must not claim another beside it (Q7). */
  readonly solo: boolean;
}

export type RunLimits = Pick<Settings['dispatch'], 'batchSize' | 'concurrency'>;

/**
 * - `claim-solo`: no message is in flight, so the claim may return a recovered message; when it finds no message, the
 *   engine releases the lease.
 * - `claim`: claims the next batch while other messages are in flight.
 * - `renew-lease`: renews the lease and claims nothing.
 * - `release-lease`: releases the lease at the run's end.
 * - `wait`: no call until the next event.
 * - `end`: no call is left to make.
 */
export type NextCall = 'claim-solo' | 'claim' | 'renew-lease' | 'release-lease' | 'wait' | 'end';

export function nextCall(state: RunState, limits: RunLimits): NextCall {
  const { lease, phase, waiting, running, ended } = state;
  if (lease === 'released') return 'end';
  if (lease === 'taken' && ended === 0) {
    // A call would have nothing to settle. A handler's commit under way still ends in the engine, so wait for it.
    return running > 0 ? 'wait' : 'end';
  }
  if (phase === 'claiming' && lease === 'held') {
    if (waiting + running === 0) return 'claim-solo';
    if (mayClaimMore(state, limits)) return 'claim';
  } else if (running === 0) {
    // Send the outcomes even when another run has the lease, because the answer says which of them are lost. A run that leaves
    // has interrupted all attempts but those whose commit is under way: they end with it, and their messages have no outcome yet.
    return 'release-lease';
  }
  return state.renewalDue ? 'renew-lease' : 'wait';
}

/**
 * The next batch may be claimed while the last messages of the current one run, so at most two batches are in
 * memory (D6).
 */
function mayClaimMore(state: RunState, { batchSize, concurrency }: RunLimits): boolean {
  const { waiting, startable, running, more, answerIsOld, solo } = state;
  // Messages that wait for their handler's limit or their ordering group do not keep others from being claimed (D2).
  if (solo || startable >= concurrency || waiting + running > batchSize) return false;
  return more || (answerIsOld && running < concurrency);
}
