/** Waits for code of the operator's, such as a handlers file, which may never answer. */
import { setTimeout as delay } from 'node:timers/promises';

/** A start may wait for other services, but not for ever. */
const longestMs = 60_000;

/** The promise can never settle: no timer, socket or file is open that could settle it; or it has had a minute. */
export class NeverSettled extends Error {
  override readonly name = 'NeverSettled';
}

/**
 * Settles as `work` does. Node ends a process in which nothing is left to do with exit code 0, even if a promise is
 * awaited, so the command would end as if it had done its work.
 * @throws NeverSettled
 */
export async function settled<Result>(work: Promise<Result>): Promise<Result> {
  const { promise: never, reject } = Promise.withResolvers<never>();
  const ended = new AbortController();
  // The immediate keeps the process running until the error is reported.
  const onIdle = () =>
    void setImmediate(() => reject(new NeverSettled('nothing is left that could settle it')));
  process.once('beforeExit', onIdle);
  void delay(longestMs, undefined, { ref: false, signal: ended.signal }).then(
    () => reject(new NeverSettled(`it has not settled within ${longestMs / 1_000} s`)),
    () => {},
  );
  try {
    return await Promise.race([work, never]);
  } finally {
    process.off('beforeExit', onIdle);
    ended.abort();
  }
}
