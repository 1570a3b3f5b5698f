import type { Equivalent } from './equivalent.ts';
import { fleetEquivalents } from './fleet.ts';
import { leaseAndLocalEquivalents } from './lease-and-local.ts';
import { queueEquivalents } from './queue.ts';
import { sqliteQueueEquivalents } from './sqlite-queue.ts';

export type { Equivalent } from './equivalent.ts';

export const equivalents: readonly Equivalent[] = [
  ...queueEquivalents,
  ...fleetEquivalents,
  ...leaseAndLocalEquivalents,
  ...sqliteQueueEquivalents,
];
