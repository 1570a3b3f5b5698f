/** The topics of the fleet that fail, and those that no handler takes, from the last reports. */
import type { TenantRow } from './tenant-row.ts';

/** At most so many topics of each kind, and so many tenants of a topic, are shown. */
const mostTopics = 100;
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

const newMs = 86_400_000;
const mostNew = 5;

/** The topics that began to fail in the last 24 hours, the latest first: what a change has most likely broken. */
export function newlyFailing(rows: readonly TenantRow[], now: number): readonly FailingTopicRow[] {
  return [...failingOf(rows).values()]
    .filter(({ sinceUtc }) => Date.parse(sinceUtc) > now - newMs)
    .sort((a, b) => (a.sinceUtc > b.sinceUtc ? -1 : 1))
    .slice(0, mostNew);
}

export function topicsOf(rows: readonly TenantRow[]): Topics {
  return { failing: most(failingOf(rows)), parked: most(parkedOf(rows)) };
}

function failingOf(rows: readonly TenantRow[]): ReadonlyMap<string, FailingTopicRow> {
  const failing = new Map<string, FailingTopicRow>();
  for (const row of rows) {
    if (row.status === 'retired') continue;
    for (const { queue, topic, source, failures, sinceUtc, lastUtc } of row.failing) {
      const key = keyOf(queue, topic, source);
      const known = failing.get(key);
      failing.set(key, {
        ...inTenant(known, { queue, topic }, row),
        source,
        failures: (known?.failures ?? 0) + failures,
        sinceUtc: known && known.sinceUtc < sinceUtc ? known.sinceUtc : sinceUtc,
        lastUtc: known && known.lastUtc > lastUtc ? known.lastUtc : lastUtc,
      });
    }
  }
  return failing;
}

function parkedOf(rows: readonly TenantRow[]): ReadonlyMap<string, ParkedTopicRow> {
  const parked = new Map<string, ParkedTopicRow>();
  for (const row of rows) {
    if (row.status === 'retired') continue;
    // A queue counts topics as they are written.
    const counted = new Set<string>();
    for (const { queue, topic, count } of row.parked) {
      const key = keyOf(queue, topic);
      const known = parked.get(key);
      parked.set(key, {
        ...(known !== undefined && counted.has(key) ? known : inTenant(known, { queue, topic }, row)),
        count: (known?.count ?? 0) + count,
      });
      counted.add(key);
    }
  }
  return parked;
}

/** Topics match case-insensitively (D4). */
function keyOf(queue: string, topic: string, source?: string | null): string {
  return JSON.stringify([queue, topic.toLowerCase(), source]);
}

/** A tenant counts although no address leads to it. */
function inTenant(
  known: InTenants | undefined,
  { queue, topic }: Pick<InTenants, 'queue' | 'topic'>,
  { id, hasOddId }: TenantRow,
): InTenants {
  const tenantIds = known?.tenantIds ?? [];
  return {
    queue,
    topic: known?.topic ?? topic,
    tenants: (known?.tenants ?? 0) + 1,
    tenantIds: tenantIds.length < mostTenants && !hasOddId ? [...tenantIds, id] : tenantIds,
  };
}

function most<Row extends InTenants>(found: ReadonlyMap<string, Row>): Row[] {
  return [...found.values()]
    .sort((a, b) => b.tenants - a.tenants || (a.topic < b.topic ? -1 : 1))
    .slice(0, mostTopics);
}
