/** Functions with which the registry suites add, plan and report tenants. A registry never opens a tenant's database. */
import type {
  BeginPlan,
  BeginPlanResult,
  PlanCandidate,
  Registry,
  RunCounts,
  TenantDefinition,
  TenantRecord,
} from '../../src/engine/registry.ts';
import type { Reported, TenantReport } from '../../src/engine/tenant-report.ts';
import { clockPasses } from './clock.ts';
import { anHour } from './run.ts';

export function definition(id: string, fields: Partial<TenantDefinition> = {}): TenantDefinition {
  return {
    id,
    server: '',
    database: `${id}.db`,
    auth: { kind: 'managed-identity' },
    schema: 'main',
    priority: 0,
    weight: 1,
    slaSeconds: null,
    tags: {},
    overrides: {},
    ...fields,
  };
}

/** Stands for the physical database of a tenant. */
export const keyOf = (id: string) => `database of ${id}`;

export function add(
  registry: Registry,
  id: string,
  fields: Partial<TenantDefinition> = {},
): Promise<TenantRecord> {
  return registry.add(definition(id, fields), keyOf(id));
}

export async function tenantOf(registry: Registry, id: string): Promise<TenantRecord> {
  const record = await registry.get(id);
  if (record === null) throw new Error(`tenant ${id} is not in the registry`);
  return record;
}

export const noCounts: RunCounts = {
  done: 0,
  retried: 0,
  dead: 0,
  released: 0,
  parked: 0,
  lost: 0,
  recovered: 0,
};

/** A topic whose only attempt in a run has just failed, except for the fields given. */
export const failure = (
  topic: string,
  fields: Partial<NonNullable<TenantReport['failing']>[number]> = {},
) => ({
  queue: 'outbox' as const,
  topic,
  source: null,
  failures: 1,
  sinceMs: 0,
  lastMs: 0,
  isNew: false,
  messageId: '11111111-1111-1111-1111-111111111111',
  error: 'Error',
  ...fields,
});

export type ReportFields = Partial<Omit<TenantReport, 'schedule'>> & Partial<TenantReport['schedule']>;

/** Reports an idle run whose tenant is due in an hour, except for the fields given. */
export function report(registry: Registry, tenantId: string, fields: ReportFields = {}): Promise<Reported> {
  const { nextDueInMs = anHour, mode = 'set', idleStreak = 0, failureStreak = 0, ...rest } = fields;
  return registry.report({
    tenantId,
    outcome: 'idle',
    counts: noCounts,
    durationMs: 5,
    backlog: false,
    ...rest,
    schedule: { nextDueInMs, mode, idleStreak, failureStreak },
  });
}

export function beginPlan(registry: Registry, options: Partial<BeginPlan> = {}): Promise<BeginPlanResult> {
  return registry.beginPlan({ owner: 'planner-1', leaseMs: 60_000, limit: 100, ...options });
}

export type DuePlan = Extract<BeginPlanResult, { status: 'due' }>;

/** Begins a plan, and fails unless tenants are due. */
export async function duePlan(registry: Registry, options: Partial<BeginPlan> = {}): Promise<DuePlan> {
  const plan = await beginPlan(registry, options);
  if (plan.status !== 'due') throw new Error(`expected due tenants, got ${JSON.stringify(plan)}`);
  return plan;
}

export function choose(candidates: readonly PlanCandidate[]) {
  return candidates.map(({ tenant, planVersion }) => ({ tenantId: tenant.id, planVersion }));
}

/** Commits all of a plan's candidates, or those given. */
export function commit(
  registry: Registry,
  plan: DuePlan,
  candidates: readonly PlanCandidate[] = plan.candidates,
  redispatchMs = anHour,
): Promise<string[]> {
  return registry.commitPlan({ lease: plan.lease, choices: choose(candidates), redispatchMs });
}

/** Plans everything that is due, as a tick does; returns the ids won. */
export async function planAll(registry: Registry): Promise<string[]> {
  const plan = await beginPlan(registry);
  return plan.status === 'due' ? commit(registry, plan) : [];
}

export function ids(list: readonly (PlanCandidate | TenantRecord)[]): string[] {
  return list.map((each) => ('tenant' in each ? each.tenant.id : each.id));
}

/** Adds tenants that became due one after another, in the order given, by the registry's clock. */
export async function addInTurn(registry: Registry, ...names: string[]): Promise<void> {
  for (const name of names) {
    await add(registry, name);
    await clockPasses(registry.leases);
  }
}
