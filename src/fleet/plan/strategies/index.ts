/** The built-in strategies, by their names in the settings. */
import type { Settings } from '../../../settings.ts';
import type { Strategy } from '../strategy.ts';
import { deadline } from './deadline.ts';
import { drainFirst } from './drain-first.ts';
import type { Fairness } from './fair-slots.ts';
import { priority } from './priority.ts';
import { roundRobin } from './round-robin.ts';
import { weighted } from './weighted.ts';

type StrategyName = Settings['plan']['strategy'];

export const strategies: Readonly<Record<StrategyName, (fairness: Fairness) => Strategy>> = {
  'round-robin': roundRobin,
  'drain-first': drainFirst,
  priority,
  deadline,
  weighted,
};
