import type { TenantRow } from '../tenants/tenant-row.ts';
import { clock } from './format.ts';

/** The time of an answer is the registry's but for the duration of a short read. */
const roughlyMs = 1_000;

/** What an act has made of a tenant, for people. */
export function whenDispatched(
  { status, nextDueUtc }: Pick<TenantRow, 'status' | 'nextDueUtc'>,
  asOf: Date,
): string {
  if (status !== 'active') return `It is ${status}.`;
  if (nextDueUtc === null) return 'It is active, and is being dispatched.';
  const due = new Date(nextDueUtc);
  // An act makes it due at once; a later time is that of a run, which has begun or ended meanwhile.
  return due.getTime() > asOf.getTime() + roughlyMs
    ? `It is active; a run of it is in flight or has just ended, and the next is due at ${clock(due)}.`
    : `It is active, and due since ${clock(due)}.`;
}
