import type { QueueName } from '../../../src/engine/work-queue.ts';
import { Violation } from '../violation.ts';
import type { LeaseModelOptions } from './lease-model.ts';
import type { Delay } from './messages.ts';
import type { Tallies } from './tally.ts';

export interface LeaseRow {
  readonly fence: number;
  readonly acquisitionId: string | null;
}

export interface QueueModelOptions extends LeaseModelOptions {
  readonly name: QueueName;
  readonly tenantId: string;
  readonly onDead: 'block' | 'continue';
  /** The most attempts of a topic's messages. */
  readonly maxAttempts: (topic: string) => number;
  readonly batchSize: number;
  /** Milliseconds of the history. */
  readonly now: () => number;
  /** Whether Done messages are removed during the history (Q12). */
  readonly mayPurge: boolean;
  readonly tallies: Tallies;
  /** The lease's row, as it is committed. */
  readonly leaseRow: () => LeaseRow;
  /** Faults of the tenant so far; NaN, which equals nothing, while one of them lasts. */
  readonly troubles: () => number;
  /** A message that is stored with a wake starts within this time; null if the history does not allow to say. */
  readonly startsWithinMs: number | null;
}

export function brokenIn({ tenantId, name }: QueueModelOptions, invariant: string, what: string): never {
  throw new Violation(invariant, `${tenantId} ${name}: ${what}`);
}

/** Null for no delay. */
export function delayFromNow({ now, clock }: QueueModelOptions, ms: number): Delay | null {
  return ms === 0 ? null : { ms, since: now(), forwardMs: clock().forwardMs };
}

/** Milliseconds that have passed by the most generous clock. */
export function waitedMs({ now, clock }: QueueModelOptions, { since, forwardMs }: Delay): number {
  return now() - since + clock().forwardMs - forwardMs;
}
