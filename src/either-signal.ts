/**
 * Calls `work` with a signal that fires with either of the two. Its listeners are removed when the work has ended,
 * because the two may live much longer; `AbortSignal.any` keeps a reference for each call in some versions of Node.
 */
export async function withEitherSignal<T>(
  first: AbortSignal | undefined,
  second: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (first === undefined || first === second) return work(second);
  const either = new AbortController();
  const ended = new AbortController();
  for (const signal of [first, second]) {
    const fire = () => either.abort(signal.reason);
    if (signal.aborted) fire();
    else signal.addEventListener('abort', fire, { once: true, signal: ended.signal });
  }
  try {
    return await work(either.signal);
  } finally {
    ended.abort();
  }
}
