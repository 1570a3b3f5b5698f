import type { Engine } from '../../engine/engine.ts';
import type { Registry, TenantRecord } from '../../engine/registry.ts';
import type { SchemaControl, SchemaFinding } from '../../engine/schema.ts';
import { describeError } from '../../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { selectTenants } from './select-tenants.ts';

export interface Finding {
  /** A `problem` wants mending; `advice` may be left alone. */
  readonly severity: SchemaFinding['severity'];
  readonly kind: SchemaFinding['kind'] | 'unreachable' | 'clock';
  /** One line. */
  readonly message: string;
}

/** What looking at one database came to. */
export interface Diagnosis {
  /** Null for the registry itself. */
  readonly tenantId: string | null;
  readonly reachable: boolean;
  /** Null when the database could not be reached. */
  readonly version: number | null;
  /** How far its clock is ahead of this program's; null when it could not be reached. */
  readonly clockAheadMs: number | null;
  /** Empty when all is well. */
  readonly findings: readonly Finding[];
}

export interface ExamineOptions {
  /** All active and paused tenants by default; [] for the registry alone. */
  readonly tenants?: readonly string[];
  /** Tenants looked at at once; 4 when absent. */
  readonly parallel?: number;
  readonly onTenant?: (diagnosis: Diagnosis, done: number, of: number) => void;
}

/** The system keeps to the databases' clocks alone, so this is for people who compare logs. */
const clockToleranceMs = 5_000;

/**
 * Looks at the registry and at tenants, and changes nothing. It does touch the tenants' databases, and so resumes those
 * that are paused. One that cannot be reached does not keep the others from being looked at.
 */
export async function examineFleet(
  engine: Engine,
  registry: Registry,
  { tenants: ids, parallel = 4, onTenant = () => {} }: ExamineOptions,
): Promise<Diagnosis[]> {
  const ofRegistry = await examine(null, () => registry.schema);
  const readable = ofRegistry.reachable && ofRegistry.version !== 0;
  const tenants = readable ? await selectTenants(registry, ids) : [];
  const of = tenants.length + 1;
  let done = 1;
  onTenant(ofRegistry, done, of);
  const diagnoses = await inParallel(tenants, parallel, async (tenant) => {
    const diagnosis = await examineTenant(engine, tenant);
    onTenant(diagnosis, ++done, of);
    return diagnosis;
  });
  return [ofRegistry, ...diagnoses];
}

async function examineTenant(engine: Engine, tenant: TenantRecord): Promise<Diagnosis> {
  let close = async () => {};
  try {
    return await examine(tenant.id, () => {
      const database = engine.openTenant(tenant);
      close = () => database.close();
      return database.schema;
    });
  } finally {
    // A connection that cannot be closed says nothing about the database.
    await close().catch(() => {});
  }
}

async function examine(tenantId: string | null, open: () => SchemaControl): Promise<Diagnosis> {
  try {
    const { version, clockAheadMs, clockErrorMs, findings } = await open().inspect();
    return {
      tenantId,
      reachable: true,
      version,
      clockAheadMs,
      findings: [...findings, ...clock(clockAheadMs, clockErrorMs)],
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
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  const message = `the database's clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this program's; set the clock that is wrong`;
  return [{ severity: 'problem', kind: 'clock', message }];
}
