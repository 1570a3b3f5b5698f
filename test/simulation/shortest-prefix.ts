import { type History, runHistory } from './history.ts';

/**
 * Finds the fewest first faults with which a history still fails, by halving: n faults fail, and n - 1 do not. (Fewer
 * might fail again, in another way.) Returns the history with these faults.
 */
export async function shortestPrefix(history: History): Promise<History> {
  let shortest = history;
  let enough = history.faults;
  let tooFew = -1;
  while (enough - tooFew > 1) {
    const faultLimit = Math.floor((enough + tooFew) / 2);
    const shorter = await runHistory({ seed: history.seed, faultLimit });
    if (shorter.violation === undefined) tooFew = faultLimit;
    else {
      enough = faultLimit;
      shortest = shorter;
    }
  }
  return shortest;
}
