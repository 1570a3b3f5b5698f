import type { Outcome } from '../engine/message.ts';
import type { RunCounts } from '../engine/registry.ts';
import type { EndedMessage } from './outcome.ts';
import { RunTimes } from './run-times.ts';
import { TopicResults } from './topic-results.ts';

export const noCounts: RunCounts = {
  done: 0,
  retried: 0,
  dead: 0,
  released: 0,
  parked: 0,
  lost: 0,
  recovered: 0,
};

export function addCounts(a: RunCounts, b: RunCounts): RunCounts {
  const sum: Record<string, number> = {};
  for (const key of Object.keys(noCounts) as (keyof RunCounts)[]) sum[key] = a[key] + b[key];
  return sum as unknown as RunCounts;
}

/**
 * The counts of one run. An outcome counts when the engine has confirmed it. Otherwise its message counts as lost if a
 * handler was started for it: only then has something happened that will happen again (Q8).
 */
export class RunTally {
  roundTrips = 0;
  recovered = 0;
  lost = 0;
  readonly results = new TopicResults();
  readonly times: RunTimes;
  readonly #counts = { done: 0, retried: 0, dead: 0, released: 0, parked: 0 };
  readonly #unhandled = new Set<string>();

  constructor(times = new RunTimes()) {
    this.times = times;
  }

  count(
    outcomes: readonly (Outcome & Pick<EndedMessage, 'sequence' | 'started'>)[],
    unmatched: readonly number[],
  ): void {
    const missing = new Set(unmatched);
    for (const outcome of outcomes) {
      if (missing.has(outcome.sequence)) {
        if (outcome.started) this.lost++;
      } else if (outcome.kind === 'done') this.#counts.done++;
      else if (outcome.kind === 'retry') this.#counts.retried++;
      else if (outcome.kind === 'dead') this.#counts.dead++;
      else if (outcome.parked) this.#counts.parked++;
      else this.#counts.released++;
    }
  }

  unhandled(topic: string): void {
    // The list is bounded, because a faulty producer may create any number of topics.
    if (this.#unhandled.size < 20) this.#unhandled.add(topic);
  }

  topics(): string[] {
    return [...this.#unhandled].sort();
  }

  counts(): RunCounts {
    return { ...this.#counts, lost: this.lost, recovered: this.recovered };
  }
}
