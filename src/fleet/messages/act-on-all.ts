/** An act on all messages of one queue that match, in batches. */
import {
  actStates,
  type MessageAct,
  type MessageFilter,
  type Position,
} from '../../engine/message-search.ts';
import type { WorkQueue } from '../../engine/work-queue.ts';
import { mostTargets } from './selection.ts';

/** The filter, limited to the states that the act changes. */
export function filterOfAct(act: MessageAct, filter: MessageFilter): MessageFilter {
  const states = (filter.states ?? actStates[act.do]).filter((state) =>
    (actStates[act.do] as readonly string[]).includes(state),
  );
  return { ...filter, states };
}

/**
 * Returns how many messages were changed. A message that was replayed and died again meanwhile is left alone, and so is
 * one that was stored meanwhile, so the call ends. `onBatch` may end it early, by false.
 */
export async function actOnAll(
  queue: WorkQueue,
  act: MessageAct,
  filter: MessageFilter,
  onBatch: (changed: number) => Promise<boolean> = async () => true,
): Promise<number> {
  const startedAt = performance.now();
  const matching = filterOfAct(act, filter);
  if (matching.states?.length === 0) return 0;
  const isOnlyDead = matching.states?.every((state) => state === 'dead') === true;
  let total = 0;
  let after: Position | null = null;
  do {
    const elapsed = performance.now() - startedAt;
    const olderThanMs = Math.max(matching.olderThanMs ?? 0, total === 0 ? 0 : elapsed);
    const { messages, next }: Awaited<ReturnType<WorkQueue['find']>> = await queue.find(
      { ...matching, ...(isOnlyDead && { olderThanMs }) },
      { limit: mostTargets, examine: 20_000, ...(after && { after }) },
    );
    after = next;
    if (messages.length === 0) continue;
    const changed = (await queue.act(act, messages)).length;
    total += changed;
    if (!(await onBatch(changed))) break;
  } while (after !== null);
  return total;
}
