/**
 * Chooses the open resource (a tenant's database or a connection pool) to close when another one needs its place (F8).
 */

/** The share of evictions that close a random idle resource, so that the newest one may stay. */
const lastingShare = 1 / 16;

/**
 * Returns the key of the resource to close; null when all are in use.
 *
 * A host looks at its tenants in turn. With more tenants than places, the least recently used tenant is the one that
 * comes next. Closing its resource would therefore cost every tenant an opening. Closing the resource that was opened
 * last keeps all others open. With c places, almost c of the n tenants in turn then find their resource open, and no
 * rule finds more. But then a busy tenant that comes later would never keep a place. So one eviction in sixteen closes
 * a random idle resource instead: a tenant that misses often soon gets a place that it keeps. Caches know this rule as
 * bimodal insertion. Tenants that are no longer used lose their places when they have been idle for too long.
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
