/** Times contenders against each other. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { assertCount } from './benchmark.ts';

setFlagsFromString('--expose-gc');
export const collectGarbage = runInNewContext('gc') as () => void;

/** The cost of a piece of work, in milliseconds. Processor time is more exact than the clock if the machine has other load. */
export interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
}

/** Costs of several repetitions, in their order. */
export interface Costs {
  readonly ms: readonly number[];
  readonly cpuMs: readonly number[];
}

/** Does its work once and returns the cost of the work, without preparation and cleaning up. */
export type Contender = (repetition: number) => Promise<Cost>;

/**
 * Runs the contenders in turn, in reverse order every second time, so that other load on the machine affects all
 * of them equally. Repetition 0 warms up and is left out.
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

/** The cost of `work`. Earlier garbage is collected first, so that it does not count. */
export async function timed(work: () => Promise<void>): Promise<Cost> {
  collectGarbage();
  const costSoFar = startClock();
  await work();
  return costSoFar();
}

/**
 * The cost of `work`, which handles `cold` messages and `count` more, and calls `handled` for each of them. With `cold`
 * above 0 it is only the cost of the `count` messages behind these, to the moment when the last one is handled.
 */
export async function timedMessages(
  { cold, count }: { readonly cold: number; readonly count: number },
  work: (handled: () => void) => Promise<void>,
): Promise<Cost> {
  collectGarbage();
  let handled = 0;
  let costSoFar = startClock();
  let cost: Cost | undefined;
  await work(() => {
    handled++;
    if (cold === 0) return;
    if (handled === cold) costSoFar = startClock();
    if (handled === cold + count) cost = costSoFar();
  });
  assertCount('messages handled', handled, cold + count);
  return cost ?? costSoFar();
}

function startClock(): () => Cost {
  const usedBefore = process.cpuUsage();
  const startedAt = performance.now();
  return () => {
    const ms = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(usedBefore);
    return { ms, cpuMs: (user + system) / 1_000 };
  };
}

/** The cost of several pieces of work together, each prepared outside the measurement; for work too short to time singly. */
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
