import type { RunCounts } from '../engine/registry.ts';
import type { QueueName } from '../engine/work-queue.ts';
import { describeError } from '../errors.ts';
import type { Backlog } from './backlog.ts';
import type { LoopBlock, LoopBlocks } from './loop-blocks.ts';
import type { RunTally } from './tally.ts';

/** Why a run stopped claiming (D5). */
export type StopReason = 'drained' | 'budget' | 'changed' | 'signal' | 'lease-lost' | 'error';

/** The report of one work queue within a run (D7). */
export interface QueueReport {
  readonly queue: QueueName;
  readonly status: 'dispatched' | 'idle' | 'leased-elsewhere' | 'failed';
  readonly stop: StopReason;
  readonly counts: RunCounts;
  readonly parkedTopics: readonly string[];
  readonly more: boolean;
  readonly nextDueInMs: number | null;
  /** How many calls the run made to the engine. */
  readonly roundTrips: number;
  /** With `leased-elsewhere`: which owner has the lease, and how many milliseconds it has left. */
  readonly heldBy?: { readonly owner: string; readonly expiresInMs: number };
  /** Absent when the run never blocked the event loop for long. */
  readonly blockedLoop?: LoopBlock;
  readonly error?: { readonly code: string; readonly message: string };
}

/** How a run ended; the report takes its other fields from the tally and the backlog. */
export interface RunEnd {
  readonly status: QueueReport['status'];
  readonly stop: StopReason;
  readonly error?: unknown;
}

export function queueReport(
  queue: QueueName,
  { status, stop, error }: RunEnd,
  tally: RunTally,
  backlog: Backlog,
  { longest: blockedLoop }: Pick<LoopBlocks, 'longest'>,
): QueueReport {
  return {
    queue,
    status,
    stop,
    counts: tally.counts(),
    parkedTopics: tally.topics(),
    ...backlog.left,
    roundTrips: tally.roundTrips,
    ...(blockedLoop && { blockedLoop }),
    ...(error !== undefined && { error: describeError(error) }),
  };
}
