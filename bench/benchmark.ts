/** The interface of a benchmark, and its findings. */
import type { Places } from './place.ts';
import type { Spread } from './spread.ts';

export interface Benchmark {
  /** The name by which the command line chooses it. */
  readonly name: string;
  /** One line that names the two things compared. */
  readonly title: string;
  /** A run of all leaves it out, because it needs more than this project and its packages. */
  readonly onlyByName?: true;
  run(bench: BenchContext): Promise<Findings>;
}

export interface BenchContext {
  readonly places: Places;
  /** A smoke run: every part runs, but too few times for meaningful figures. */
  readonly quick: boolean;
  /** Measured repetitions of each contender; one more warms up and is not counted. */
  readonly repetitions: number;
  /** Reports the current step. */
  readonly progress: (what: string) => void;
  /** Reports a measurement as soon as it is complete, so that a later failure does not lose it. */
  readonly measured: (measurement: Measurement) => void;
}

export interface Findings {
  readonly measurements: readonly Measurement[];
  readonly targets: readonly Target[];
  /** Facts that a reader needs to understand the figures. */
  readonly notes: readonly string[];
}

export interface Measurement {
  /** The name of the case, such as `batch 500`. */
  readonly case: string;
  /** Counts that do not depend on the machine: messages, tenants, calls. */
  readonly counts: Readonly<Record<string, number>>;
  /** Times, rates and ratios. */
  readonly figures: Readonly<Record<string, Spread>>;
}

export interface Target {
  readonly what: string;
  readonly measured: number;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly met: boolean;
}

export function atLeast(what: string, measured: number, limit: number): Target {
  return { what, measured, atLeast: limit, met: measured >= limit };
}

export function atMost(what: string, measured: number, limit: number): Target {
  return { what, measured, atMost: limit, met: measured <= limit };
}

/** Fails a benchmark that did not do its work, because its figures would mean nothing. */
export function assertCount(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${what}: expected ${expected}, got ${actual}.`);
}
