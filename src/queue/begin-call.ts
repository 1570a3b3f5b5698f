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
  /** Whether Done messages are left that are old enough to be removed. */
  readonly isPurgeLeft: boolean;
}

/**
 * Milliseconds for which an idle run goes on to remove Done messages (Q12), so that the run holds its slot only briefly. If
 * more are left, the next run follows soon (`Backlog.begun`), so a backlog of them goes in minutes.
 */
const idlePurgeMs = 5_000;

/**
 * Milliseconds for which a call holds its locks, and producers wait for them: after a call that held them longer, the next
 * one removes half as many messages, and after one that held them for less than a quarter of it, twice as many. The time is
 * that of the call without the fastest call of the run, which is the round trip. The run's second call removes one message,
 * so that it is such a call. The first one does not count, because it may have waited for a login.
 */
const longPurgeMs = 50;
const fewestPurgedAtOnce = 100;

/**
 * Begins a run. While no message is due and each call removes as many Done messages as it may, it calls again: each
 * call holds its locks for a moment, and claims what has become due. Between two calls it waits as long as the first one
 * took, so that producers get the locks in between; a signal that fires ends the wait and the run, because another call
 * would take the lease and might claim. `begun.recovered` counts the messages of all calls.
 * @throws the engine's error
 */
export async function beginRun(
  options: BeginCallOptions,
  rooms: Rooms,
  { tally, blocks }: Pick<RunBooks, 'tally' | 'blocks'>,
): Promise<Begun> {
  const { queue, owner, context, dispatch, retention, handlers, signal, changed } = options;
  const stops = [signal, changed].filter((stop) => stop !== undefined);
  const startedAt = performance.now();
  let recovered = 0;
  let most = mostPurgedAtOnce;
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let calls = 0; ; calls++) {
    const limit = calls === 1 ? 1 : most;
    const room = rooms.forClaim();
    const request: BeginRequest = {
      owner,
      context,
      durationMs: dispatch.leaseMs,
      claim: { limit: dispatch.batchSize, maxBytes: dispatch.batchBytes, ...(room && { rooms: room }) },
      retention: { ...retention, limit },
      handled: handlers.topics,
    };
    const sentAt = performance.now();
    tally.roundTrips++;
    const begun = await blocks.database(() => queue.begin(request));
    const tookMs = performance.now() - sentAt;
    if (begun.status === 'leased-elsewhere') return { begun, sentAt, isPurgeLeft: false };
    tally.times.answered(begun.nowUtc);
    recovered += begun.recovered;
    const isPurgeLeft = begun.status === 'idle' && begun.purged >= limit;
    const answer: Begun = { begun: { ...begun, recovered }, sentAt, isPurgeLeft };
    // No call begins after the time is over, so a pause that lasts until then would only hold the run's slot.
    if (!isPurgeLeft || performance.now() + tookMs >= startedAt + idlePurgeMs) return answer;
    if (calls > 0) fastestMs = Math.min(fastestMs, tookMs);
    const lockedMs = tookMs - fastestMs;
    if (calls > 1 && lockedMs > longPurgeMs) most = Math.max(fewestPurgedAtOnce, most >> 1);
    else if (calls > 1 && lockedMs < longPurgeMs / 4) most = Math.min(mostPurgedAtOnce, most * 2);
    await pause(tookMs, stops);
    if (stops.some(({ aborted }) => aborted) || performance.now() >= startedAt + idlePurgeMs) return answer;
  }
}

/** Waits for so many milliseconds, or until one of the signals fires. */
async function pause(ms: number, stops: readonly AbortSignal[]): Promise<void> {
  if (stops.some(({ aborted }) => aborted)) return;
  if (ms < 1) return immediate();
  const over = new AbortController();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    over.signal.addEventListener('abort', () => clearTimeout(timer));
    for (const stop of stops)
      stop.addEventListener('abort', () => resolve(), { once: true, signal: over.signal });
  });
  over.abort();
}
