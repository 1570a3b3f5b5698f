/**
 * The phases of a dispatch run, and why it leaves each one (D5):
 *
 *     claiming ──budget spent, tenant changed──▶ draining ──drain time over──▶ stopping ──grace over──▶ leaving
 *         └──────────────── signal fired, lease lost, error ──────────────────────▲
 *
 * draining: the run claims and starts no more messages and releases the unstarted ones; running handlers may finish.
 * stopping: the signals of running handlers have fired, and a short grace begins.
 * leaving: the run ends without waiting for handlers that ignored their signal; it only waits for commits that are under way.
 */
import { timerDelayMs } from '../timer-delay.ts';
import type { StopReason } from './report.ts';

export type Phase = 'claiming' | 'draining' | 'stopping' | 'leaving';

/** An event that moves a run to a later phase. */
export type PhaseEvent =
  /** The time of the current phase is over. */
  | { readonly kind: 'time-over' }
  | { readonly kind: 'changed' }
  | { readonly kind: 'signal' | 'lease-lost' | 'error'; readonly reason: unknown };

/** How long each phase may last, in milliseconds. */
export type PhaseTimes = Readonly<Record<Exclude<Phase, 'leaving'>, number>>;

const following = {
  claiming: 'draining',
  draining: 'stopping',
  stopping: 'leaving',
  leaving: 'leaving',
} as const;

/** The phase that an event leads to; the current phase when the event comes too late to change it. */
export function phaseAfter(phase: Phase, kind: PhaseEvent['kind']): Phase {
  if (kind === 'time-over') return following[phase];
  if (kind === 'changed') return phase === 'claiming' ? 'draining' : phase;
  return phase === 'leaving' ? 'leaving' : 'stopping';
}

/** The phase of one run, with the timer that ends it. */
export class RunPhase {
  readonly #times: Readonly<Record<Phase, number>>;
  readonly #onTimeOver: () => void;
  #current: Phase = 'claiming';
  #why: StopReason = 'drained';
  /** When the phase ends, by `performance.now()`. */
  #endsAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** The claiming phase's time begins with the constructor. */
  constructor(times: PhaseTimes, onTimeOver: () => void) {
    this.#times = { ...times, leaving: Number.POSITIVE_INFINITY };
    this.#onTimeOver = onTimeOver;
    this.#setTimer(times.claiming);
  }

  get current(): Phase {
    return this.#current;
  }

  /** Why the claiming phase ended, for the report. */
  get why(): StopReason {
    return this.#why;
  }

  /** This getter reads the clock, because handlers that keep the event loop busy delay the timer. */
  get isTimeOver(): boolean {
    return performance.now() >= this.#endsAt;
  }

  /** Moves to the phase that the event leads to; returns whether that is a later one. */
  move(event: PhaseEvent['kind']): boolean {
    const next = phaseAfter(this.#current, event);
    if (next === this.#current) return false;
    this.#current = next;
    // On 'leaving' the reason stays the one for which the signals fired.
    if (next === 'draining' || next === 'stopping') this.#why = event === 'time-over' ? 'budget' : event;
    this.#setTimer(this.#times[next]);
    return true;
  }

  stopTimer(): void {
    clearTimeout(this.#timer);
  }

  #setTimer(ms: number): void {
    clearTimeout(this.#timer);
    this.#endsAt = performance.now() + ms;
    if (ms < Number.POSITIVE_INFINITY) this.#timer = setTimeout(this.#onTimeOver, timerDelayMs(ms));
  }
}
