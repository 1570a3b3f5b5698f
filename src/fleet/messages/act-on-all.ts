/** An act on all messages of one queue that match, in batches. */
import {
  actStates,
  type MessageAct,
  type MessageFilter,
  type Position,
} from '../../engine/message-search.ts';
import type { WorkQueue } from '../../engine/work-queue.ts';
import { type FoundPage, findPage } from './search.ts';
import { mostTargets } from './selection.ts';

/** A search that takes longer reports what it has found, so that a caller can end it. */
const pageBounds = { examine: Number.MAX_SAFE_INTEGER, timeoutMs: 2_000 };

function sinceNow(): () => number {
  const startedAt = performance.now();
  return () => performance.now() - startedAt;
}

const roundingMs = 2;

/** The filter, limited to the states that the act changes. */
export function filterOfAct(
  act: MessageAct,
  filter: MessageFilter,
): MessageFilter & Required<Pick<MessageFilter, 'states'>> {
  const states = (filter.states ?? actStates[act.do]).filter((state) =>
    (actStates[act.do] as readonly string[]).includes(state),
  );
  return { ...filter, states };
}

/**
 * Returns how many messages were changed. A message that became Dead after the count, for instance one that was replayed and
 * died again, is left alone. `onBatch` may end the call early, by false; it is also called when a part of the queue had
 * nothing to change.
 * @param sinceCountMs milliseconds since the messages were counted; by default since this call
 */
export async function actOnAll(
  queue: WorkQueue,
  act: MessageAct,
  filter: MessageFilter,
  onBatch: (changed: number) => Promise<boolean> = async () => true,
  sinceCountMs: () => number = sinceNow(),
): Promise<number> {
  const matching = filterOfAct(act, filter);
  if (matching.states.length === 0) return 0;
  const isOnlyDead = matching.states.every((state) => state === 'dead');
  let total = 0;
  let after: Position | null = null;
  do {
    // Clocks have milliseconds, rounded down: a message that died just before the count must not seem younger.
    const sinceMs = Math.max(0, Math.floor(sinceCountMs()) - roundingMs);
    const olderThanMs = Math.max(matching.olderThanMs ?? 0, sinceMs);
    const page: FoundPage = await findPage(
      queue,
      { ...matching, ...(isOnlyDead && { olderThanMs }) },
      // A message that a run has locked for a moment must not be left out.
      { ...pageBounds, limit: mostTargets, after, waits: true },
    );
    after = page.next;
    const changed = page.messages.length === 0 ? 0 : (await queue.act(act, page.messages)).length;
    total += changed;
    if (!(await onBatch(changed))) break;
  } while (after !== null);
  return total;
}
