/**
 * How far a dispatch run has come, and why it ends (D5):
 *
 *     claiming ──budget spent, tenant changed──▶ draining ──drain time over──▶ stopping ──grace over──▶ leaving
 *         └──────────────── signal fired, lease lost, error ──────────────────────▲
 *
 * draining: nothing new is claimed or started, unstarted messages are released; running handlers may finish.
 * stopping: running handlers have had their signal and get a short grace.
 * leaving: handlers that did not heed their signal are left behind.
 */
import type { StopReason } from './report.ts';

export type Phase = 'claiming' | 'draining' | 'stopping' | 'leaving';

/** What moves a run to a later phase. */
export type PhaseEvent =
  /** The present phase has lasted for as long as it may. */
  | { readonly kind: 'time-over' }
  | { readonly kind: 'changed' }
  | { readonly kind: 'signal' | 'lease-lost' | 'error'; readonly reason: unknown };

/** How long each phase may last, in milliseconds. */
export type PhaseTimes = Readonly<Record<Exclude<Phase, 'leaving'>, number>>;

/** A timer that is set for longer fires at once. */
const longestTimerMs = 2 ** 31 - 1;

const following = {
  claiming: 'draining',
  draining: 'stopping',
  stopping: 'leaving',
  leaving: 'leaving',
} as const;

/** The phase that an event leads to; the present one when the event comes too late to change anything. */
export function phaseAfter(phase: Phase, kind: PhaseEvent['kind']): Phase {
  if (kind === 'time-over') return following[phase];
  if (kind === 'changed') return phase === 'claiming' ? 'draining' : phase;
  return phase === 'leaving' ? 'leaving' : 'stopping';
}

/** The phase of one run, with the timer that ends it. */
export class RunPhase {
  readonly #times: PhaseTimes;
  readonly #onTimeOver: () => void;
  #current: Phase = 'claiming';
  #why: StopReason = 'drained';
  /** By `performance.now()`. */
  #endsAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** The time of claiming begins now. */
  constructor(times: PhaseTimes, onTimeOver: () => void) {
    this.#times = times;
    this.#onTimeOver = onTimeOver;
    this.#setTimer(times.claiming);
  }

  get current(): Phase {
    return this.#current;
  }

  /** What ended the claiming, as the report says it. */
  get why(): StopReason {
    return this.#why;
  }

  /** Told by the clock: where handlers keep the event loop busy, the timer has its turn late. */
  get isTimeOver(): boolean {
    return performance.now() >= this.#endsAt;
  }

  /** Moves on where the event leads to a later phase; returns whether it did. */
  move(event: PhaseEvent['kind']): boolean {
    const next = phaseAfter(this.#current, event);
    if (next === this.#current) return false;
    this.#current = next;
    // Handlers that are left behind are so for the reason that their signal fired.
    if (next === 'draining' || next === 'stopping') this.#why = event === 'time-over' ? 'budget' : event;
    this.#setTimer(next === 'leaving' ? Number.POSITIVE_INFINITY : this.#times[next]);
    return true;
  }

  stopTimer(): void {
    clearTimeout(this.#timer);
  }

  #setTimer(ms: number): void {
    clearTimeout(this.#timer);
    this.#endsAt = performance.now() + ms;
    if (ms < Number.POSITIVE_INFINITY)
      this.#timer = setTimeout(this.#onTimeOver, Math.min(ms, longestTimerMs));
  }
}
