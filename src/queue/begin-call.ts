/** The call that begins a run (Q9): it takes the lease and claims the first batch. */
import { setImmediate as immediate } from 'node:timers/promises';
import type { BeginRequest, BeginResult, WorkQueue } from '../engine/work-queue.ts';
import type { Settings } from '../settings.ts';
import type { HandlerSet } from './handler-set.ts';
import type { Rooms } from './rooms.ts';
import { mostPurgedAtOnce, type RunBooks } from './settle-call.ts';

export interface BeginCallOptions {
  readonly queue: WorkQueue;
  readonly handlers: HandlerSet;
  readonly owner: string;
  readonly context: string;
  readonly dispatch: Settings['dispatch'];
  readonly retention: Settings['retention'];
  readonly signal: AbortSignal | undefined;
  readonly changed?: AbortSignal;
}

export interface Begun {
  readonly begun: BeginResult;
  /** When the last call was sent, by `performance.now()`. */
  readonly sentAt: number;
}

/**
 * Milliseconds for which an idle run goes on to remove Done messages (Q12). Some ten thousand rows go in this time, so
 * that a few idle runs remove a backlog of them, and the run holds its slot only briefly.
 */
const idlePurgeMs = 5_000;

/**
 * Begins a run. While no message is due and each call removes as many Done messages as it may, it calls again: each
 * call holds its locks for a moment, and claims what has become due. `begun.recovered` counts the messages of all calls.
 * @throws the engine's error
 */
export async function beginRun(
  options: BeginCallOptions,
  rooms: Rooms,
  { tally, blocks }: Pick<RunBooks, 'tally' | 'blocks'>,
): Promise<Begun> {
  const { queue, owner, context, dispatch, retention, handlers, signal, changed } = options;
  const startedAt = performance.now();
  let recovered = 0;
  for (;;) {
    const room = rooms.forClaim();
    const request: BeginRequest = {
      owner,
      context,
      durationMs: dispatch.leaseMs,
      claim: { limit: dispatch.batchSize, maxBytes: dispatch.batchBytes, ...(room && { rooms: room }) },
      retention: { ...retention, limit: mostPurgedAtOnce },
      handled: handlers.topics,
    };
    const sentAt = performance.now();
    tally.roundTrips++;
    const begun = await blocks.database(() => queue.begin(request));
    if (begun.status === 'leased-elsewhere') return { begun, sentAt };
    tally.times.answered(begun.nowUtc);
    recovered += begun.recovered;
    const isRest = begun.status === 'idle' && begun.purged >= mostPurgedAtOnce;
    const mayGoOn = !signal?.aborted && !changed?.aborted && performance.now() - startedAt < idlePurgeMs;
    if (!isRest || !mayGoOn) return { begun: { ...begun, recovered }, sentAt };
    await immediate();
  }
}
