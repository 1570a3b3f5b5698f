import { duration } from '../../duration-text.ts';
import type { Engine, TenantDatabase } from '../../engine/engine.ts';
import type { LeaseRecord, LeaseStore } from '../../engine/lease-store.ts';
import type { Registry, TenantRecord } from '../../engine/registry.ts';
import type { SchemaFinding } from '../../engine/schema.ts';
import { describeError } from '../../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { assertReadable } from '../tenants/tenant-errors.ts';
import { selectTenants } from './select-tenants.ts';

export interface Finding {
  /** A `problem` must be fixed; `advice` may be ignored. */
  readonly severity: SchemaFinding['severity'];
  readonly kind: SchemaFinding['kind'] | 'unreachable' | 'clock' | 'shared';
  /** One line. */
  readonly message: string;
}

/** The result of examining one database. */
export interface Diagnosis {
  /** Null for the registry itself. */
  readonly tenantId: string | null;
  readonly reachable: boolean;
  /** Null when the database could not be reached. */
  readonly version: number | null;
  /** Milliseconds that the database's clock is ahead of this program's; null when the database could not be reached. */
  readonly clockAheadMs: number | null;
  /** Empty when no problem was found. */
  readonly findings: readonly Finding[];
}

export interface ExamineOptions {
  /** Default: all active and paused tenants; [] for only the registry. */
  readonly tenants?: readonly string[];
  /** How many tenants are examined at once, 1 to 1,000; default 4. */
  readonly parallel?: number;
  /** Called after each database, the registry first; an error of it is logged. */
  readonly onTenant?: (diagnosis: Diagnosis, done: number, of: number) => void;
}

/** The system uses only the databases' clocks, so a difference matters only to people who compare logs. */
const clockToleranceMs = 5_000;

/**
 * Examines the registry and the tenants' databases without changing them. It does connect to the databases, and so
 * resumes those that are auto-paused. When a database cannot be reached, the others are examined all the same.
 */
export async function examineFleet(
  engine: Engine,
  registry: Registry,
  { tenants: ids, parallel = 4, onTenant = () => {} }: ExamineOptions,
): Promise<Diagnosis[]> {
  const ofRegistry = await examine(null, () => registry);
  const readable = ofRegistry.reachable && ofRegistry.version !== 0;
  const tenants = readable ? await selectTenants(registry, ids) : [];
  // Only tenants with files can share one; without a named one, the other tenants need not be read.
  const mayShare = ids !== undefined && tenants.some((tenant) => fileIdOf(engine, tenant) !== null);
  const sharers = sharersIn(engine, mayShare ? await selectTenants(registry, undefined) : tenants);
  const of = tenants.length + 1;
  let done = 1;
  onTenant(ofRegistry, done, of);
  const diagnoses = await inParallel(tenants, parallel, async (tenant) => {
    const diagnosis = withShared(await examineTenant(engine, tenant), sharers.get(tenant.id));
    onTenant(diagnosis, ++done, of);
    return diagnosis;
  });
  return [ofRegistry, ...diagnoses];
}

/**
 * The other tenants on a tenant's file, by tenant; a tenant with a file of its own is absent. Two names of one file
 * have different keys (F1).
 */
function sharersIn(engine: Engine, tenants: readonly TenantRecord[]): Map<string, string[]> {
  const sharers = new Map<string, string[]>();
  for (const [fileId, its] of Map.groupBy(tenants, (tenant) => fileIdOf(engine, tenant))) {
    if (fileId === null || its.length === 1) continue;
    const ids = its.map(({ id }) => id);
    for (const id of ids)
      sharers.set(
        id,
        ids.filter((other) => other !== id),
      );
  }
  return sharers;
}

function fileIdOf(engine: Engine, tenant: TenantRecord): string | null {
  try {
    return engine.fileId(tenant);
  } catch {
    // Opening the database gives the same error, as a finding.
    return null;
  }
}

function withShared(diagnosis: Diagnosis, sharers: readonly string[] | undefined): Diagnosis {
  if (sharers === undefined) return diagnosis;
  const names = sharers.map((id) => `'${id}'`).join(', ');
  const message = `its file is also that of tenant ${names}, by another path; give each tenant a file of its own`;
  return {
    ...diagnosis,
    findings: [...diagnosis.findings, { severity: 'problem', kind: 'shared', message }],
  };
}

async function examineTenant(engine: Engine, tenant: TenantRecord): Promise<Diagnosis> {
  let close = async () => {};
  try {
    return await examine(tenant.id, () => {
      assertReadable(tenant);
      const database = engine.openTenant(tenant);
      close = () => database.close();
      return database;
    });
  } finally {
    // A failure to close the connection is not a finding about the database.
    await close().catch(() => {});
  }
}

async function examine(
  tenantId: string | null,
  open: () => Pick<TenantDatabase, 'schema' | 'leases'>,
): Promise<Diagnosis> {
  try {
    const { schema, leases } = open();
    const { version, clockAheadMs, clockErrorMs, findings } = await schema.inspect();
    const now = Date.now() + clockAheadMs + clockErrorMs;
    // Without the table or the right to read it, there is a finding about that already.
    const setBack = await clockSetBack(leases, now).catch(() => []);
    return {
      tenantId,
      reachable: true,
      version,
      clockAheadMs,
      findings: [...findings, ...clock(clockAheadMs, clockErrorMs), ...setBack],
    };
  } catch (error) {
    const { code, message } = describeError(error);
    return {
      tenantId,
      reachable: false,
      version: null,
      clockAheadMs: null,
      findings: [{ severity: 'problem', kind: 'unreachable', message: `${code}: ${message}` }],
    };
  }
}

function clock(aheadMs: number, errorMs: number): Finding[] {
  if (Math.abs(aheadMs) - errorMs <= clockToleranceMs) return [];
  const message = `the database's clock is ${duration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} this program's; set the clock that is wrong`;
  return [{ severity: 'problem', kind: 'clock', message }];
}

/** Leases are never removed, so there may be many. */
const leasesAtOnce = 1_000;

/** Compares the latest renewal of a lease with `now`, the latest time that the database's clock may show. */
async function clockSetBack(leases: LeaseStore, now: number): Promise<Finding[]> {
  let latest = Number.NEGATIVE_INFINITY;
  let page: readonly LeaseRecord[] = [];
  do {
    const after = page.at(-1)?.name;
    page = await leases.list({ limit: leasesAtOnce, ...(after !== undefined && { after }) });
    for (const { renewedUtc } of page) latest = Math.max(latest, Number(renewedUtc));
  } while (page.length === leasesAtOnce);
  const byMs = latest - now;
  if (byMs <= clockToleranceMs) return [];
  const message = `the database's clock was set back by ${duration(byMs)} or more since a lease was last renewed; runs and plans correct due times and leases, so only check that the clock is right now`;
  return [{ severity: 'advice', kind: 'clock', message }];
}
