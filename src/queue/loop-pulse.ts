/** Milliseconds between two beats. */
const beatMs = 20;

/** A run whose handlers are in flight. */
export interface BeatingRun {
  /** The topics of the running attempts, one for each attempt. */
  topics(): readonly string[];
  /** Called when the event loop was blocked while the run's only attempt was the process's only one. */
  onBlocked(topic: string, ms: number): void;
}

/**
 * Measures for how long the event loop is blocked, by a timer that runs while handlers are in flight. All runs of the
 * process share one.
 */
class LoopPulse {
  readonly #runs = new Set<BeatingRun>();
  #timer: NodeJS.Timeout | undefined;
  #lastBeat = performance.now();

  enter(run: BeatingRun): void {
    this.#runs.add(run);
    if (this.#timer !== undefined) return;
    this.#lastBeat = performance.now();
    this.#timer = setInterval(() => this.#beat(), beatMs);
    this.#timer.unref();
  }

  leave(run: BeatingRun): void {
    this.#runs.delete(run);
    if (this.#runs.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Milliseconds for which the event loop has been blocked until this moment, and nothing was made responsible for it yet.
   * @param moment by `performance.now()`
   */
  blockedAt(moment: number): number {
    return Math.max(0, moment - this.#lastBeat - beatMs);
  }

  /** The block until now has been recorded. */
  recorded(): void {
    this.#lastBeat = performance.now();
  }

  #beat(): void {
    const now = performance.now();
    const ms = this.blockedAt(now);
    this.#lastBeat = now;
    if (ms === 0) return;
    // With several attempts in flight, any of them may have blocked the loop.
    let only: { readonly run: BeatingRun; readonly topic: string } | undefined;
    for (const run of this.#runs) {
      for (const topic of run.topics()) {
        if (only !== undefined) return;
        only = { run, topic };
      }
    }
    only?.run.onBlocked(only.topic, ms);
  }
}

export const loopPulse = new LoopPulse();
