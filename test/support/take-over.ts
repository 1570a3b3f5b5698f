import type { BeginResult, WorkQueue } from '../../src/engine/work-queue.ts';

/**
 * Another process takes over the queue of a run of 'host-1', and claims. It uses the same owner, which may acquire the
 * lease again at once (L2), so that the test need not wait for the lease to expire.
 */
export async function takeOver(other: WorkQueue): Promise<Extract<BeginResult, { status: 'claimed' }>> {
  const claim = { limit: 1_000, maxBytes: 2 ** 30 };
  const begun = await other.begin({ owner: 'host-1', durationMs: 60_000, claim });
  if (begun.status !== 'claimed') throw new Error(`expected a claim, got ${begun.status}`);
  return begun;
}
