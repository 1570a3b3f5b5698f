import { setTimeout as pause } from 'node:timers/promises';

/** Asks again and again until the answer is true, or the deadline (milliseconds) has passed. */
export async function until(
  what: string,
  ask: () => boolean | Promise<boolean>,
  deadlineMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await ask())) {
    if (performance.now() > deadline) throw new Error(`Waited ${deadlineMs} ms in vain until ${what}.`);
    await pause(10);
  }
}
