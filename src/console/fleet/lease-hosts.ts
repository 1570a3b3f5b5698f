/** Which hosts have leases in the registry, in one line of the pulse. */
import type { LeaseRecord } from '../../engine/lease-store.ts';
import { isPlanLease, planLeaseName } from '../../engine/plan-range.ts';
import type { MultiOutbox } from '../../multi-outbox-interface.ts';
import { textOf } from '../tenants/tenant-row.ts';

export interface HostLeases {
  /** The owner of the leases, without what each acquisition adds to a host's name. */
  readonly host: string;
  readonly leases: number;
  /** The first of them, by name. */
  readonly first: string;
}

export interface LeaseHosts {
  /** At most 10: those that plan, then those with the most leases. */
  readonly hosts: readonly HostLeases[];
  /** How many hosts have leases. */
  readonly hostsInAll: number;
  readonly leases: number;
  /** Whether the registry has more leases with an owner than were read. */
  readonly isCut: boolean;
  /** How many have run out, though their owners have not released them. */
  readonly expired: number;
  /** The one that was taken first. */
  readonly oldest: { readonly name: string; readonly host: string; readonly acquiredUtc: string } | null;
}

/** So many leases are read. */
export const mostRead = 1_000;
const mostHosts = 10;

/** So many plan leases are read of their own: there is one, or one for each range. */
const mostPlans = 100;

/** Reads the leases with an owner. The plan leases are among them also where the names before theirs are too many. */
export async function readLeaseHosts(leases: ReturnType<MultiOutbox['leases']>): Promise<LeaseHosts> {
  const rows = await leases.list({ owned: true, limit: mostRead + 1 });
  if (rows.length <= mostRead) return leaseHosts(rows);
  const plans = [
    ...(await leases.list({ name: planLeaseName })).filter(({ owner }) => owner !== null),
    ...(await leases.list({ owned: true, after: `${planLeaseName}:`, limit: mostPlans })),
  ];
  return leaseHosts(rows, plans);
}

/**
 * @param rows the leases with an owner, by name; one more than `mostRead` tells that there are further ones
 * @param more leases by name, of which those count that plan
 */
export function leaseHosts(rows: readonly LeaseRecord[], more: readonly LeaseRecord[] = []): LeaseHosts {
  const hosts = new Map<string, { leases: number; first: string; plans: boolean }>();
  let oldest: LeaseRecord | null = null;
  const first = rows.slice(0, mostRead);
  const known = new Set(first.map(({ name }) => name));
  const plans = more.filter(({ name }) => isPlanLease(name) && !known.has(name));
  // What is not among the first has a later name.
  const read = [...first, ...plans];
  for (const row of read) {
    const host = hostOf(row);
    const counted = hosts.get(host) ?? { leases: 0, first: row.name, plans: false };
    counted.leases++;
    counted.plans ||= isPlanLease(row.name);
    hosts.set(host, counted);
    if (row.acquiredUtc !== null && (oldest?.acquiredUtc == null || row.acquiredUtc < oldest.acquiredUtc))
      oldest = row;
  }
  const sorted = [...hosts].sort(
    ([, one], [, other]) => Number(other.plans) - Number(one.plans) || other.leases - one.leases,
  );
  return {
    hosts: sorted.slice(0, mostHosts).map(([host, { leases, first }]) => ({ host, leases, first })),
    hostsInAll: hosts.size,
    leases: read.length,
    isCut: rows.length > first.length,
    expired: read.filter(({ held }) => !held).length,
    oldest: oldest && {
      name: oldest.name,
      host: hostOf(oldest),
      acquiredUtc: textOf(oldest.acquiredUtc)!,
    },
  };
}

/** Host and process of an owner's name as this library makes it; another one as it is. */
function hostOf({ owner }: LeaseRecord): string {
  return /^(.+?:\d+):[0-9a-f]{8}(?::|$)/.exec(owner ?? '')?.[1] ?? owner ?? '';
}
