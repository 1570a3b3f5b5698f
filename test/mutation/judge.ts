/** Runs the tests that reach a mutant, until one of them fails. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Copy } from './copy.ts';
import { instrumented, type Mutant, siteId } from './mutants.ts';
import type { RanTest, RunAnswer } from './order.ts';
import { type Ended, RunnerProcess } from './runner-process.ts';

export interface Verdict {
  readonly is: 'killed' | 'timed out' | 'died' | 'survived';
  /** File and test that found it. */
  readonly by?: string;
  /** How many tests reach it. */
  readonly tests: number;
}

/** The machine may be busy, so a test that times out does not count as failed, and runs a second time. */
const slack = { factor: 10, ms: 4_000 };
const limitOf = (ms: number) => slack.ms + slack.factor * ms;
const isTimeout = ({ failure }: RunAnswer) => /Exceeded timeout|in vain/.test(failure?.message ?? '');

export class Judge {
  readonly #copy: Copy;
  readonly #testFiles: readonly string[];
  readonly #runner: RunnerProcess;
  readonly #sources = new Map<string, string>();
  /** By site; a test that is listed under a file's name is reached while the file is loaded. */
  readonly #reaching = new Map<string, Set<RanTest>>();

  readonly #killers = new Set<string>();

  constructor(copy: Copy, testFiles: readonly string[]) {
    this.#copy = copy;
    this.#testFiles = testFiles;
    this.#runner = new RunnerProcess(copy.root);
  }

  /** Runs every test once, without a mutant, and notes what each reaches. */
  async prepare(mutants: readonly Mutant[], print: (line: string) => void): Promise<void> {
    const byFile = Map.groupBy(mutants, ({ file }) => file);
    for (const [file, its] of byFile) {
      const source = readFileSync(path.join(this.#copy.root, file), 'utf8');
      this.#sources.set(file, source);
      this.#copy.write(file, instrumented(source, its));
    }
    let tests = 0;
    const start = performance.now();
    for (const file of this.#testFiles) {
      const answer = await this.#runner.run({ file }, 600_000);
      if (typeof answer === 'string' || answer.failure)
        throw new Error(
          `${file} does not pass without a mutant: ${typeof answer === 'string' ? answer : answer.failure!.message}`,
        );
      tests += answer.ran.length;
      for (const test of answer.ran)
        for (const site of [...test.reached, ...answer.outside]) {
          const reaching = this.#reaching.get(site) ?? new Set();
          this.#reaching.set(site, reaching.add(test));
        }
    }
    for (const [file, source] of this.#sources) this.#copy.write(file, source);
    await this.#runner.stop();
    print(
      `${tests} tests in ${this.#testFiles.length} files, ${Math.round((performance.now() - start) / 1000)} s`,
    );
  }

  async judge(mutant: Mutant): Promise<Verdict> {
    const { file, start, end, mutated } = mutant;
    const source = this.#sources.get(file)!;
    const reaching = this.#reaching.get(siteId(file, mutant.site)) ?? new Set<RanTest>();
    const tests = reaching.size;
    this.#copy.write(file, source.slice(0, start) + mutated + source.slice(end));
    try {
      for (const its of cheapestFirst(reaching).flatMap((file) => this.#promisingFirst(file))) {
        const ended = await this.#run(its);
        if (isPassed(ended)) continue;
        const verdict = verdictOf(ended, its[0]!.file, tests);
        // Runs the tests once more, because a busy machine can make any test slow.
        if (verdict.is !== 'killed' && isPassed(await this.#run(its))) continue;
        if (verdict.by !== undefined) this.#killers.add(verdict.by);
        return verdict;
      }
      return { is: 'survived', tests };
    } finally {
      this.#copy.write(file, source);
    }
  }

  /**
   * Of the tests that found mutants, returns those that fail on the unchanged code when they run together with the same
   * tests.
   */
  async failingWithoutMutant(verdicts: readonly Verdict[]): Promise<Set<string>> {
    const killers = new Set(verdicts.flatMap(({ by }) => by ?? []));
    const all = new Set([...this.#reaching.values()].flatMap((tests) => [...tests]));
    const failing = new Set<string>();
    for (const its of cheapestFirst([...all].filter(({ file, name }) => killers.has(`${file}: ${name}`)))) {
      let left = its;
      for (;;) {
        const ended = await this.#run(left);
        if (isPassed(ended)) break;
        const failed = typeof ended === 'string' ? undefined : ended.failure?.test;
        failing.add(`${its[0]!.file}: ${failed ?? ended}`);
        left = left.filter(({ name }) => failed !== undefined && name !== failed);
        if (left.length === 0) break;
      }
    }
    return failing;
  }

  stop(): Promise<void> {
    return this.#runner.stop();
  }

  /** Tests of one file that take long: those that have found a mutant before run first, the others after them. */
  #promisingFirst(tests: RanTest[]): RanTest[][] {
    const isPromising = ({ file, name }: RanTest) => this.#killers.has(`${file}: ${name}`);
    const { true: promising = [], false: others = [] } = Object.groupBy(
      tests,
      (test) => `${isPromising(test)}`,
    );
    const ms = others.reduce((sum, test) => sum + test.ms, 0);
    return ms < 1_000 ? [tests] : [promising, others].filter(({ length }) => length > 0);
  }

  #run(tests: readonly RanTest[]): Promise<Ended> {
    const only = Object.fromEntries(tests.map(({ name, ms }) => [name, limitOf(ms)]));
    const ms = tests.reduce((sum, test) => sum + test.ms, 0);
    return this.#runner.run({ file: tests[0]!.file, only }, 15_000 + 6 * ms);
  }
}

const isPassed = (ended: Ended) => typeof ended !== 'string' && ended.failure === undefined;

function verdictOf(ended: Ended, file: string, tests: number): Verdict {
  if (ended === 'died') return { is: 'died', tests };
  if (ended === 'timeout') return { is: 'timed out', tests };
  return {
    is: isTimeout(ended) ? 'timed out' : 'killed',
    by: `${file}: ${ended.failure?.test ?? 'loading'}`,
    tests,
  };
}

/**
 * Groups the tests by file. Unit tests come first, because a mutant that makes them fail often makes a test of a whole
 * run hang; then the file whose tests take the least time.
 */
function cheapestFirst(tests: Iterable<RanTest>): RanTest[][] {
  const isUnit = ([test]: readonly RanTest[]) => test!.file.startsWith('test/unit/');
  const costOf = (its: readonly RanTest[]) => its.reduce((sum, { ms }) => sum + ms, 0);
  return [...Map.groupBy(tests, ({ file }) => file).values()].sort(
    (one, other) => Number(isUnit(other)) - Number(isUnit(one)) || costOf(one) - costOf(other),
  );
}
