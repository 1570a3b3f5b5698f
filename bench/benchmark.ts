/** What a benchmark is, and what it hands back. */
import type { Places } from './place.ts';
import type { Spread } from './spread.ts';

export interface Benchmark {
  /** Chosen by on the command line. */
  readonly name: string;
  /** One line: what is compared with what. */
  readonly title: string;
  run(bench: BenchContext): Promise<Findings>;
}

export interface BenchContext {
  readonly places: Places;
  /** A smoke run: everything happens, so few times that the figures mean nothing. */
  readonly quick: boolean;
  /** Measured repetitions of each contender; one more warms up and is not counted. */
  readonly repetitions: number;
  /** Tells people what is being done now. */
  readonly progress: (what: string) => void;
}

export interface Findings {
  readonly measurements: readonly Measurement[];
  readonly targets: readonly Target[];
  /** What must be known to read the figures. */
  readonly notes: readonly string[];
}

export interface Measurement {
  /** Such as `batch 500`. */
  readonly case: string;
  /** What does not depend on the machine: messages, tenants, calls. */
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

/** A benchmark that did not do its work has no figures. */
export function assertCount(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${what}: expected ${expected}, got ${actual}.`);
}
