/** Which hosts have leases in the registry, in one line of the pulse. */
import type { LeaseRecord } from '../../engine/lease-store.ts';
import { isPlanLease } from '../../engine/plan-range.ts';
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

/** @param rows the leases with an owner, by name; one more than `mostRead` tells that there are further ones */
export function leaseHosts(rows: readonly LeaseRecord[]): LeaseHosts {
  const hosts = new Map<string, { leases: number; first: string; plans: boolean }>();
  let oldest: LeaseRecord | null = null;
  const read = rows.slice(0, mostRead);
  for (const row of read) {
    const host = hostOf(row);
    const known = hosts.get(host) ?? { leases: 0, first: row.name, plans: false };
    known.leases++;
    known.plans ||= isPlanLease(row.name);
    hosts.set(host, known);
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
    isCut: rows.length > read.length,
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
