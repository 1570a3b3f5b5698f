import type { PlanCandidate } from '../../../engine/registry.ts';

/** A strategy's sort key: the number by which it sorts the candidates. The smallest comes first. */
export type Rank = (candidate: PlanCandidate) => number;

/**
 * Returns a copy sorted by the key that `rank` returns; among equals the longest due comes first, as in the
 * registry's reads.
 */
export function ranked(candidates: readonly PlanCandidate[], rank: Rank): PlanCandidate[] {
  const rows = candidates.map((candidate) => ({ candidate, by: rank(candidate) }));
  rows.sort((a, b) => {
    // Ranks may be infinite, and the difference of two infinities is NaN.
    if (a.by !== b.by) return a.by < b.by ? -1 : 1;
    const { candidate: x } = a;
    const { candidate: y } = b;
    if (x.overdueMs !== y.overdueMs) return y.overdueMs - x.overdueMs;
    return x.tenant.id < y.tenant.id ? -1 : 1;
  });
  return rows.map(({ candidate }) => candidate);
}

/** Sorts by how long the tenants have been due, the longest first. */
export function longestDue(candidates: readonly PlanCandidate[]): PlanCandidate[] {
  return ranked(candidates, () => 0);
}
