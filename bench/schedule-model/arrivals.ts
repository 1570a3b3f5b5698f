import { exponential } from './random.ts';
import type { Arrivals } from './scenario.ts';

export interface Arrival {
  /** Milliseconds from the start. */
  readonly at: number;
  readonly messages: number;
}

const hourMs = 3_600_000;

/**
 * The arrival that follows the arrival at `after`, or the first arrival when `after` is null; undefined after the last
 * arrival.
 */
export function nextArrival(
  pattern: Arrivals,
  after: number | null,
  random: () => number,
): Arrival | undefined {
  if (pattern.kind === 'flood') {
    return after === null ? { at: pattern.at, messages: pattern.messages } : undefined;
  }
  let at = (after ?? 0) + exponential(pattern.every, random);
  if (pattern.kind === 'business-hours') {
    const { from, to } = pattern;
    const hour = (at / hourMs) % 24;
    // An arrival outside the hours moves to the next opening.
    if (hour < from || hour >= to) {
      at += ((from - hour + 24) % 24) * hourMs + exponential(pattern.every, random);
    }
  }
  return { at: Math.ceil(at), messages: pattern.kind === 'bursts' ? pattern.messages : 1 };
}
