/** The topics of the fleet that fail, and those that no handler takes, from the last reports. */
import type { TenantRow } from './tenant-row.ts';

/** At most so many topics of each kind, and so many tenants of a topic, are shown. */
const mostTopics = 200;
const mostTenants = 20;

interface InTenants {
  readonly queue: string;
  readonly topic: string;
  readonly tenants: number;
  readonly tenantIds: readonly string[];
}

export interface FailingTopicRow extends InTenants {
  readonly source: string | null;
  readonly failures: number;
  readonly sinceUtc: string;
  readonly lastUtc: string;
}

export interface ParkedTopicRow extends InTenants {
  readonly count: number;
}

export interface Topics {
  /** The one that most tenants have comes first. */
  readonly failing: readonly FailingTopicRow[];
  readonly parked: readonly ParkedTopicRow[];
}

export function topicsOf(rows: readonly TenantRow[]): Topics {
  const failing = new Map<string, FailingTopicRow>();
  const parked = new Map<string, ParkedTopicRow>();
  for (const { id, status, failing: topics, parked: waiting } of rows) {
    if (status === 'retired') continue;
    for (const { queue, topic, source, failures, sinceUtc, lastUtc } of topics) {
      const key = JSON.stringify([queue, topic, source]);
      const known = failing.get(key);
      failing.set(key, {
        ...inTenant(known, { queue, topic }, id),
        source,
        failures: (known?.failures ?? 0) + failures,
        sinceUtc: known && known.sinceUtc < sinceUtc ? known.sinceUtc : sinceUtc,
        lastUtc: known && known.lastUtc > lastUtc ? known.lastUtc : lastUtc,
      });
    }
    for (const { queue, topic, count } of waiting) {
      const key = JSON.stringify([queue, topic]);
      const known = parked.get(key);
      parked.set(key, {
        ...inTenant(known, { queue, topic }, id),
        count: (known?.count ?? 0) + count,
      });
    }
  }
  return { failing: most(failing), parked: most(parked) };
}

function inTenant(
  known: InTenants | undefined,
  topic: Pick<InTenants, 'queue' | 'topic'>,
  id: string,
): InTenants {
  const tenantIds = known?.tenantIds ?? [];
  return {
    ...topic,
    tenants: (known?.tenants ?? 0) + 1,
    tenantIds: tenantIds.length < mostTenants && tenantIds.at(-1) !== id ? [...tenantIds, id] : tenantIds,
  };
}

function most<Row extends InTenants>(found: ReadonlyMap<string, Row>): Row[] {
  return [...found.values()]
    .sort((a, b) => b.tenants - a.tenants || (a.topic < b.topic ? -1 : 1))
    .slice(0, mostTopics);
}
