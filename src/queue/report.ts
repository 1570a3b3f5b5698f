import type { Histogram } from '../engine/histogram.ts';
import type { RunCounts } from '../engine/registry.ts';
import type { QueueName, StoredCounts } from '../engine/work-queue.ts';
import { describeError } from '../errors.ts';
import type { Backlog } from './backlog.ts';
import type { LoopBlock, LoopBlocks } from './loop-blocks.ts';
import type { RunTally } from './tally.ts';
import type { FailedTopic, TopicOfSource } from './topic-results.ts';

/** Why a run stopped claiming (D5). */
export type StopReason = 'drained' | 'budget' | 'changed' | 'signal' | 'lease-lost' | 'error';

/** The report of one work queue within a run (D7). */
export interface QueueReport {
  readonly queue: QueueName;
  readonly status: 'dispatched' | 'idle' | 'leased-elsewhere' | 'failed';
  readonly stop: StopReason;
  readonly counts: RunCounts;
  readonly parkedTopics: readonly string[];
  /** Topics whose last attempt in this run failed, at most 20 (S1). */
  readonly failingTopics: readonly FailedTopic[];
  /** Topics whose last attempt in this run succeeded. */
  readonly succeededTopics: readonly TopicOfSource[];
  /** How long messages waited from their due times to the starts of their handlers, by the database's clock. */
  readonly wait: Histogram;
  /** How long the handlers took, from the start of an attempt to its outcome. */
  readonly handle: Histogram;
  readonly more: boolean;
  readonly nextDueInMs: number | null;
  /**
   * Milliseconds from `endedAt` until another run should go on to remove Done messages (Q12); absent if none are left that
   * are old enough. No message is due then.
   */
  readonly purgeInMs?: number;
  /** When the run of this queue ended, by `performance.now()`; other queues may take longer. `stored` is as of then. */
  readonly endedAt: number;
  /** What the run left in the queue; absent if it did not come to its last call, for instance after it lost its lease. */
  readonly stored?: StoredCounts;
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
    failingTopics: tally.results.failing,
    succeededTopics: tally.results.succeededTopics,
    wait: tally.times.wait.histogram,
    handle: tally.times.handle.histogram,
    ...backlog.left,
    endedAt: performance.now(),
    ...(backlog.stored && { stored: backlog.stored }),
    roundTrips: tally.roundTrips,
    ...(blockedLoop && { blockedLoop }),
    ...(error !== undefined && { error: describeError(error) }),
  };
}
