import type { PlanCandidate, TenantRecord } from '../../src/engine/registry.ts';
import { tenantDefinition } from '../../src/fleet/tenants/definition.ts';
import { noCounts } from '../../src/queue/tally.ts';

export function tenantRecord(id: string, fields: Partial<TenantRecord> = {}): TenantRecord {
  return {
    ...tenantDefinition({ id }),
    status: 'active',
    pausedByOperator: false,
    version: 1,
    addedUtc: new Date(0),
    schemaVersion: null,
    schedule: {
      nextDueUtc: new Date(0),
      lastPlannedUtc: null,
      lastRunUtc: null,
      lastOutcome: null,
      lastDurationMs: null,
      lastCounts: null,
      totals: noCounts,
      longestWaitMs: null,
      longestWaitUtc: null,
      idleStreak: 0,
      failureStreak: 0,
      lastError: null,
      lastErrorCode: null,
      lastErrorUtc: null,
      backlog: false,
      queues: {},
      parkedTopics: [],
      failingTopics: [],
    },
    ...fields,
  };
}

/** A due tenant as a plan sees it. */
export function candidate(id: string, fields: Partial<PlanCandidate> = {}): PlanCandidate {
  return {
    tenant: tenantRecord(id),
    planVersion: 1,
    overdueMs: 0,
    sincePlannedMs: null,
    woken: false,
    ...fields,
  };
}
