/** Decides whether to send a failed call again. Limits on the tries and the time make every call end. */
import type { Classified, Fate } from './errors.ts';

export interface RepeatOptions {
  /**
   * The reaction when the call may have been carried out, because the answer was lost or leaves its fate unclear. `repeat`:
   * send it again unchanged. `ask`: send it again with other parameters. `give-up`: throw, and let the caller decide.
   */
  readonly onLost: 'repeat' | 'ask' | 'give-up';
  /**
   * Names the transaction that a call of this kind waits for, and says what to do. The call is then not repeated after
   * a wait for a lock, because the caller decides whether to wait longer.
   */
  readonly waitsFor?: string;
}

export interface Progress {
  /** The tries so far, including the first. */
  readonly tries: number;
  /** Milliseconds since the first try began. */
  readonly elapsedMs: number;
  /** Whether an earlier try may have been carried out. */
  readonly asked: boolean;
}

/** The most tries of one call, including the first. */
const maxTries = 4;

/**
 * The latest start of another try. It allows two waits for a lock (10 seconds each) and stays below the default lease
 * of a run (30 seconds).
 */
export const repeatWithinMs = 20_000;

/** Whether a call with this fate may have been carried out. */
export function isDoubtful(fate: Fate): boolean {
  return fate === 'unknown' || fate === 'unclear';
}

export function isRepeated(
  { code, fate, transient, waited }: Classified,
  { tries, elapsedMs, asked }: Progress,
  { onLost, waitsFor }: RepeatOptions,
): boolean {
  if (!transient || code === 'DATABASE_RESUMING' || tries >= maxTries) return false;
  if (waited === true && waitsFor !== undefined) return false;
  if (isDoubtful(fate) && onLost === 'give-up') return false;
  // Only one more try can find out whether a call was carried out, so that try may start late.
  return elapsedMs < repeatWithinMs || (isDoubtful(fate) && !asked);
}
