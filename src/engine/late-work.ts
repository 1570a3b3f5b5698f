/** Hears for how many milliseconds a call kept the event loop busy, once it had returned its promise. */
export type LateWorkListener = (ms: number) => void;

let listener: LateWorkListener | undefined;

/**
 * Calls an engine that works synchronously. When a lock delays the work, it is done after the call has returned its
 * promise, where the caller cannot measure it; the engine then tells `onLateWork`.
 */
export function hearingLateWork<T>(onLateWork: LateWorkListener, call: () => T): T {
  const outer = listener;
  listener = onLateWork;
  try {
    return call();
  } finally {
    listener = outer;
  }
}

/** The listener of the call that runs now; an engine reads it in the synchronous part of the call. */
export function lateWorkListener(): LateWorkListener | undefined {
  return listener;
}
