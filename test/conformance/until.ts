import { setTimeout as pause } from 'node:timers/promises';

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
