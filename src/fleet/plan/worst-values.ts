import type { Registry, TenantRecord } from '../../engine/registry.ts';
import {
  type TenantGaugeName,
  type TenantValue,
  type TenantValues,
  tenantGaugeNames,
} from '../../telemetry/tenant-gauges.ts';

const pageSize = 1_000;
/** So many tenants are read once a minute at most; further ones, in the order of their ids, are not shown. */
const mostExamined = 100_000;

/**
 * Reads the tenants' last reports in the registry, in pages, and keeps for each gauge the tenants with the greatest values
 * above 0 (F6). Retired tenants do not count.
 * @param signal ends the reading with its reason
 */
export async function worstValues(
  registry: Registry,
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): Promise<TenantValues> {
  const worst: Record<TenantGaugeName, TenantValue[]> = {
    oldestMessageAgeMs: [],
    dead: [],
    failureStreak: [],
  };
  let after = '';
  for (let examined = 0; examined < mostExamined; examined += pageSize) {
    signal.throwIfAborted();
    const page = await registry.list({ limit: pageSize, after });
    const now = Date.now();
    const tenants = page.filter(({ status }) => status !== 'retired');
    for (const gauge of tenantGaugeNames) {
      const found = tenants.map((tenant) => ({ tenantId: tenant.id, value: figure[gauge](tenant, now) }));
      worst[gauge] = [...worst[gauge], ...found.filter(({ value }) => value > 0)]
        .sort((a, b) => b.value - a.value)
        .slice(0, limit);
    }
    if (page.length < pageSize) break;
    after = page.at(-1)!.id;
  }
  return worst;
}

const figure: Record<TenantGaugeName, (tenant: TenantRecord, now: number) => number> = {
  oldestMessageAgeMs: ({ schedule }, now) =>
    Object.values(schedule.queues).reduce(
      (oldest, { oldestDueAgeMs, asOfUtc }) =>
        oldestDueAgeMs === null
          ? oldest
          : Math.max(oldest, oldestDueAgeMs + Math.max(0, now - asOfUtc.getTime())),
      0,
    ),
  dead: ({ schedule }) => Object.values(schedule.queues).reduce((sum, { dead }) => sum + dead, 0),
  // A paused tenant has no runs.
  failureStreak: ({ status, schedule }) => (status === 'active' ? schedule.failureStreak : 0),
};
