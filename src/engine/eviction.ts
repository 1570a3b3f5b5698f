/** Chooses which open resource to close when another one needs its place (F8): a tenant's database, or a connection pool. */

/** The share of evictions that make room for a lasting newcomer. */
const lastingShare = 1 / 16;

/**
 * Returns the key of the resource to close; null when all are in use.
 *
 * A host looks at its tenants in turn. With more tenants than places, the least recently used tenant is the one that
 * comes next, so closing that one would miss at every look. Closing the one that was opened last keeps all others open:
 * of n tenants in turn, almost c find their resource open when there are c places, and no rule finds more. But a busy
 * tenant that comes later would never get a lasting place. So one eviction in sixteen closes any other instead, by
 * chance: a tenant that misses often soon gets a place that it keeps. Caches know this as bimodal insertion. Tenants
 * that are no longer used lose their places when they have been idle for too long.
 *
 * @param open by key, in the order of opening; `uses`: the callers that use it now
 * @param random a number from 0 to less than 1
 */
export function toEvict(
  open: Iterable<readonly [key: string, { readonly uses: number }]>,
  random: () => number = Math.random,
): string | null {
  const idle: string[] = [];
  for (const [key, { uses }] of open) if (uses === 0) idle.push(key);
  const chance = random() / lastingShare;
  return (chance < 1 ? idle[Math.floor(chance * idle.length)] : idle.at(-1)) ?? null;
}
