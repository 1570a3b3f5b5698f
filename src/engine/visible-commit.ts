/** Notices the commit of a caller's transaction whose driver has no event for it (F7). */
import { setTimeout as pause } from 'node:timers/promises';

const firstPauseMs = 10;
const longestPauseMs = 1_000;
/** Milliseconds after which the transaction counts as committed: an unnecessary wake is better than a missing one. */
const longestMs = 60_000;

/**
 * Looks for a message of the transaction, through a connection that sees only what is committed, again and again: true
 * once it is there, and in the end. A rollback is not noticed. Does not keep the
 * process alive.
 */
export async function visibleCommit(isVisible: () => Promise<boolean>): Promise<boolean> {
  let passedMs = 0;
  for (let ms = firstPauseMs; passedMs < longestMs; ms = Math.min(ms * 1.6, longestPauseMs)) {
    await pause(ms, undefined, { ref: false });
    passedMs += ms;
    // A wake before the commit would find nothing, so an error of the database ends the wait no earlier.
    if (await isVisible().catch(() => false)) return true;
  }
  return true;
}
