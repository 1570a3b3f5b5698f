/** Timing contenders against each other. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
export const collectGarbage = runInNewContext('gc') as () => void;

/** What a piece of work took, in milliseconds. Processor time tells more than the clock where others use the machine. */
export interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
}

/** Costs of several repetitions, in their order. */
export interface Costs {
  readonly ms: readonly number[];
  readonly cpuMs: readonly number[];
}

/** Does its work once and returns what it cost, without what it prepares and clears away. */
export type Contender = (repetition: number) => Promise<Cost>;

/**
 * Runs the contenders in turn, in the other order every other time, so that whatever else the machine does falls on
 * all of them alike. Repetition 0 warms up and is left out.
 */
export async function interleave<Name extends string>(
  repetitions: number,
  contenders: Readonly<Record<Name, Contender>>,
): Promise<Record<Name, Costs>> {
  const names = Object.keys(contenders) as Name[];
  const costs = new Map(names.map((name) => [name, [] as Cost[]]));
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    for (const name of repetition % 2 === 0 ? names : names.toReversed()) {
      const cost = await contenders[name](repetition);
      if (repetition > 0) costs.get(name)!.push(cost);
    }
  }
  const inOrder = [...costs].map(([name, list]): [Name, Costs] => [
    name,
    { ms: list.map(({ ms }) => ms), cpuMs: list.map(({ cpuMs }) => cpuMs) },
  ]);
  return Object.fromEntries(inOrder) as Record<Name, Costs>;
}

/** What `work` costs. Garbage of what went before is not its to collect. */
export async function timed(work: () => Promise<void>): Promise<Cost> {
  collectGarbage();
  const usedBefore = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(usedBefore);
  return { ms, cpuMs: (user + system) / 1_000 };
}

/** What several pieces of work cost together, each prepared outside its time: for work too short to be timed alone. */
export async function timedEach(
  times: number,
  prepare: () => Promise<void>,
  work: () => Promise<void>,
): Promise<Cost> {
  let sum: Cost = { ms: 0, cpuMs: 0 };
  for (let time = 0; time < times; time++) {
    await prepare();
    const { ms, cpuMs } = await timed(work);
    sum = { ms: sum.ms + ms, cpuMs: sum.cpuMs + cpuMs };
  }
  return sum;
}
