/** The ranges of tenants among which several planners share a fleet (F3). */
import { hash } from 'node:crypto';

/** One of several ranges. Each tenant is in one of them, by the hash of its id. */
export interface PlanRange {
  /** From 1. */
  readonly range: number;
  /** How many there are. */
  readonly of: number;
}

/** The lease of all tenants' plan, and those of the ranges' plans. */
export const planLeaseName = 'plan';
export const isPlanLease = (name: string) => /^plan(:\d+\/\d+)?$/.test(name);

export function leaseNameOf(range: PlanRange | undefined): string {
  return range === undefined ? planLeaseName : `${planLeaseName}:${range.range}/${range.of}`;
}

/**
 * The range of a tenant, from 1. It takes the first two bytes of SHA-256 of the id, one byte a character, as HASHBYTES does
 * (sql/parts/registry-in-range.sql): neither a column nor an agreement of the hosts is needed, and the ranges of any ids
 * are about equally large.
 */
export function rangeOf(tenantId: string, of: number): number {
  const [high, low] = hash('sha256', tenantId, 'buffer');
  return Math.floor(((high! * 256 + low!) * of) / 65_536) + 1;
}
