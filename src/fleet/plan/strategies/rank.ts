import type { PlanCandidate } from '../../../engine/registry.ts';

/** What a strategy sorts by; the smaller comes first. */
export type Rank = (candidate: PlanCandidate) => number;

/** A copy in the order of the rank; equals by how long they have been due, as the registry reads them. */
export function ranked(candidates: readonly PlanCandidate[], rank: Rank): PlanCandidate[] {
  const rows = candidates.map((candidate) => ({ candidate, by: rank(candidate) }));
  rows.sort((a, b) => {
    // Ranks may be infinite, whose difference is no number.
    if (a.by !== b.by) return a.by < b.by ? -1 : 1;
    const { candidate: x } = a;
    const { candidate: y } = b;
    if (x.overdueMs !== y.overdueMs) return y.overdueMs - x.overdueMs;
    return x.tenant.id < y.tenant.id ? -1 : 1;
  });
  return rows.map(({ candidate }) => candidate);
}

/** Whoever is chosen goes to the end of this line. */
export function longestDue(candidates: readonly PlanCandidate[]): PlanCandidate[] {
  return ranked(candidates, () => 0);
}
