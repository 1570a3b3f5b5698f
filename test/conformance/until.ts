import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';

const deadlineMs = 15_000;
const pollMs = 10;

/** Asks again and again until the answer is neither null, undefined nor false, and returns it. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
): Promise<Exclude<T, null | undefined | false>> {
  // The monotonic clock: some tests shift the wall clock of this process.
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) {
      return answer as Exclude<T, null | undefined | false>;
    }
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await pause(pollMs);
  }
}

/** Asks for something again and again while `work` goes on. Fails with whichever fails first. */
export async function whileGoingOn<T>(work: Promise<T>, ask: () => Promise<unknown>): Promise<T> {
  let over = false;
  const ended = work.finally(() => {
    over = true;
  });
  const asking = async () => {
    while (!over) {
      await ask();
      // Lets timers and input run: an engine’s promises might otherwise never yield to them.
      await nextTurn();
    }
  };
  const [result] = await Promise.all([ended, asking()]);
  return result;
}
