import type { PlanCandidate } from '../../../engine/registry.ts';

/** A strategy's sort key: the number by which it sorts the candidates. The smallest comes first. */
export type Rank = (candidate: PlanCandidate) => number;

/**
 * Returns a copy sorted by the key that `rank` returns; among equals the longest due comes first, as in the
 * registry's reads.
 */
export function ranked(candidates: readonly PlanCandidate[], rank: Rank): PlanCandidate[] {
  const rows = candidates.map((candidate) => ({ candidate, by: rank(candidate) }));
  // Equal infinite ranks differ by NaN, which counts as no difference here.
  rows.sort((a, b) => a.by - b.by || byTimeDue(a.candidate, b.candidate));
  return rows.map(({ candidate }) => candidate);
}

/** Sorts by how long the tenants have been due, the longest first. */
export function longestDue(candidates: readonly PlanCandidate[]): PlanCandidate[] {
  return candidates.toSorted(byTimeDue);
}

function byTimeDue(a: PlanCandidate, b: PlanCandidate): number {
  return b.overdueMs - a.overdueMs || (a.tenant.id < b.tenant.id ? -1 : 1);
}
