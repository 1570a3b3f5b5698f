/** Runs benchmarks one after another, and keeps each benchmark's measurements even if it fails. */
import type { BenchContext, Benchmark, Findings, Measurement } from './benchmark.ts';
import { measurementLine } from './report.ts';

export interface Result extends Findings {
  readonly name: string;
  readonly title: string;
  readonly durationMs: number;
  /** Why the benchmark ended before its last measurement. */
  readonly error?: string;
}

export interface Results {
  readonly results: readonly Result[];
  /**
   * The errors in the order in which they were thrown: a benchmark's error comes before the errors of its cleaning up.
   */
  readonly errors: readonly unknown[];
}

/**
 * Stops at the first benchmark that fails. Every measurement is printed to standard error as soon as it is complete.
 *
 * @param onResult called after each benchmark that has measured something
 */
export async function runBenchmarks(
  benchmarks: readonly Benchmark[],
  { places, quick, repetitions }: Pick<BenchContext, 'places' | 'quick' | 'repetitions'>,
  onResult: (result: Result) => Promise<void>,
): Promise<Results> {
  const results: Result[] = [];
  const errors: unknown[] = [];
  for (const benchmark of benchmarks) {
    const { name, title } = benchmark;
    const startedAt = performance.now();
    const measurements: Measurement[] = [];
    let findings: Findings & { readonly error?: string };
    try {
      findings = await benchmark.run({
        places,
        quick,
        repetitions,
        progress: (what) => console.error(`${name}: ${what}`),
        measured(measurement) {
          measurements.push(measurement);
          console.error(`${name}: ${measurementLine(measurement)}`);
        },
      });
    } catch (error) {
      errors.push(...inOrder(error));
      findings = { measurements, targets: [], notes: [], error: messageOf(errors[0]) };
    }
    const result = { name, title, durationMs: Math.round(performance.now() - startedAt), ...findings };
    results.push(result);
    if (findings.measurements.length > 0) await onResult(result);
    if (errors.length > 0) break;
  }
  try {
    await places.remove();
  } catch (error) {
    errors.push(...inOrder(error));
  }
  return { results, errors };
}

/** The error of the work comes before the errors of its cleaning up (`await using` throws them as a SuppressedError). */
function inOrder(error: unknown): unknown[] {
  if (!(error instanceof Error) || error.name !== 'SuppressedError') return [error];
  const both = error as SuppressedError;
  return [...inOrder(both.suppressed), ...inOrder(both.error)];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
