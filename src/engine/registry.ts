/**
 * The registry: the control database that lists the tenants and keeps their schedule (section 6). Every tenant
 * row holds a definition, which people change, and a schedule, which plans and run reports change. All that
 * status, health and dashboards show comes from here (F6).
 */
import type { LeaseHeld, LeaseRef, LeaseStore } from './lease-store.ts';
import type { SchemaControl } from './schema.ts';

export const tenantStatuses = ['active', 'paused', 'retired'] as const;
export type TenantStatus = (typeof tenantStatuses)[number];

/** How a tenant's database is entered. A secret is never stored, only the name of the setting that holds it. */
export type TenantAuth =
  | { readonly kind: 'managed-identity' }
  /** The name of an app setting (environment variable) that holds a connection string. */
  | { readonly kind: 'setting'; readonly name: string };

/** Settings of one tenant that stand in for the fleet's. */
export interface TenantOverrides {
  readonly batchSize?: number;
  readonly concurrency?: number;
  /** The longest idle interval; `never`: only wakes and known due times (F6). */
  readonly idleCeilingMs?: number | 'never';
}

/** A tenant as people define it (F1). */
export interface TenantDefinition {
  /** 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit. */
  readonly id: string;
  /** Empty for embedded databases. */
  readonly server: string;
  /** A database name; for an embedded database its file, relative to the registry's folder or absolute. */
  readonly database: string;
  readonly auth: TenantAuth;
  /** The database schema that holds the objects. */
  readonly schema: string;
  /** Higher is served first by strategies that look at it. */
  readonly priority: number;
  /** Share relative to others, greater than 0, for strategies that look at it. */
  readonly weight: number;
  /** Seconds within which a due message should be dispatched; null for no promise. */
  readonly slaSeconds: number | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly overrides: TenantOverrides;
}

/** Numbers of one dispatch run (D7). */
export interface RunCounts {
  readonly done: number;
  readonly retried: number;
  readonly dead: number;
  /** Released unstarted, or snoozed by the handler. */
  readonly released: number;
  readonly parked: number;
  /** Outcomes that could not be written because the row was no longer ours (Q8). */
  readonly lost: number;
  /** Taken over from a crashed run (Q6). */
  readonly recovered: number;
}

export const runOutcomes = ['dispatched', 'idle', 'skipped', 'resuming', 'failed'] as const;
export type RunOutcome = (typeof runOutcomes)[number];

/** A tenant's schedule: what the last plan and the last report left behind. */
export interface TenantSchedule {
  /** Null: not due until a wake (F6). */
  readonly nextDueUtc: Date | null;
  readonly lastPlannedUtc: Date | null;
  readonly lastRunUtc: Date | null;
  readonly lastOutcome: RunOutcome | null;
  readonly lastDurationMs: number | null;
  readonly lastCounts: RunCounts | null;
  /** Sums of `lastCounts` over all reports. */
  readonly totals: RunCounts;
  readonly idleStreak: number;
  readonly failureStreak: number;
  readonly lastError: string | null;
  readonly lastErrorCode: string | null;
  readonly lastErrorUtc: Date | null;
  /** The last run left messages that were due. */
  readonly backlog: boolean;
  /** Topics that the last run found no handler for. */
  readonly parkedTopics: readonly string[];
}

export interface TenantRecord extends TenantDefinition {
  readonly status: TenantStatus;
  /** Rises with every change of the definition or the status, across all tenants (F2). */
  readonly version: number;
  readonly addedUtc: Date;
  /**
   * The schema version that the tenant's database was last known to have; null when nobody has told since the tenant
   * was added or moved. A note for those who migrate a fleet, not what the database itself would say.
   */
  readonly schemaVersion: number | null;
  readonly schedule: TenantSchedule;
}

/** A due tenant, as a plan sees it (F3). Ages are milliseconds by the registry's clock. */
export interface PlanCandidate {
  readonly tenant: TenantRecord;
  /** Matched when the choice is committed: another planner's commit changes it. */
  readonly planVersion: number;
  /** How long it has been due; at least 0. */
  readonly overdueMs: number;
  /** Null when it was never planned. */
  readonly sincePlannedMs: number | null;
  readonly woken: boolean;
}

/**
 * The order in which a plan reads due tenants (F4); equals by how long they have been due. `weight`: time since the
 * tenant was last planned, times its weight; the longest first, those that were never planned before all others.
 * `deadline`: when the SLA runs out; those without one come last.
 */
export const candidateOrders = ['longest-due', 'backlog', 'priority', 'deadline', 'weight'] as const;
export type CandidateOrder = (typeof candidateOrders)[number];

export interface BeginPlan {
  readonly owner: string;
  readonly leaseMs: number;
  /** Due tenants read, the longest due first; and, if more are due, as many by `order`. */
  readonly limit: number;
  /** `longest-due` when absent. */
  readonly order?: CandidateOrder;
}

/** What a plan learns about the plan before it: a lost or late tick shows here (F3). */
export interface PreviousPlan {
  /** Null at the first plan. */
  readonly sinceMs: number | null;
  /** The last plan took the lease and never committed. */
  readonly unfinished: boolean;
}

export type BeginPlanResult =
  | LeaseHeld
  /** Nothing is due; the lease is free again. `nextDueInMs` is null when no active tenant has a due time. */
  | { readonly status: 'idle'; readonly previous: PreviousPlan; readonly nextDueInMs: number | null }
  | {
      readonly status: 'due';
      readonly lease: LeaseRef;
      readonly previous: PreviousPlan;
      /** Each once; the longest due first, then those read by `order` besides. */
      readonly candidates: PlanCandidate[];
      /** How many tenants are due, read or not. */
      readonly due: number;
    };

export interface CommitPlan {
  readonly lease: LeaseRef;
  readonly choices: readonly { readonly tenantId: string; readonly planVersion: number }[];
  /** A chosen tenant is due again after this, in case its request is lost; a report comes first otherwise. */
  readonly redispatchMs: number;
}

/** What a dispatch run leaves in the registry (D7, F5). */
export interface TenantReport {
  readonly tenantId: string;
  readonly outcome: RunOutcome;
  readonly counts: RunCounts;
  readonly durationMs: number;
  readonly backlog: boolean;
  readonly parkedTopics: readonly string[];
  readonly error?: { readonly code: string; readonly message: string };
  readonly schedule: {
    /** Milliseconds from the registry's now; null: not until a wake. */
    readonly nextDueInMs: number | null;
    /**
     * `set` replaces the due time. `at-most` only brings it forward: for a run that was skipped, whose lease's
     * holder reports for itself.
     */
    readonly mode: 'set' | 'at-most';
    readonly idleStreak: number;
    readonly failureStreak: number;
  };
}

/** Aggregates over the registry's last reports; no tenant database is touched (F6). */
export interface FleetSummary {
  readonly tenants: Readonly<Record<TenantStatus, number>>;
  /** Active tenants due now. */
  readonly due: number;
  readonly withBacklog: number;
  readonly failing: number;
  readonly lastPlan: { readonly utc: Date; readonly due: number; readonly chosen: number } | null;
  readonly totals: RunCounts;
}

export interface ListTenants {
  readonly status?: TenantStatus;
  /** Ids greater than this one: the last id of the page before. */
  readonly after?: string;
  readonly limit?: number;
}

export interface Registry {
  readonly leases: LeaseStore;
  readonly schema: SchemaControl;

  /**
   * Registers a tenant, active and due now. A retired id comes back with the new definition.
   * @throws TENANT_EXISTS; DATABASE_IN_USE when another tenant that is not retired has `databaseKey`
   */
  add(definition: TenantDefinition, databaseKey: string): Promise<TenantRecord>;
  /** Replaces the definition of a tenant that is not retired. @throws UNKNOWN_TENANT, DATABASE_IN_USE */
  change(definition: TenantDefinition, databaseKey: string): Promise<TenantRecord>;
  /** @throws UNKNOWN_TENANT. A tenant that becomes active is due now. Retired tenants only come back by `add`. */
  setStatus(tenantId: string, status: TenantStatus): Promise<TenantRecord>;
  get(tenantId: string): Promise<TenantRecord | null>;
  /** By id. */
  list(query?: ListTenants): Promise<TenantRecord[]>;
  /**
   * Tenants whose definition or status changed after `version`, with the version that has now been seen (F2).
   * `null` asks for the version alone.
   */
  changesSince(version: number | null): Promise<{ version: number; tenants: TenantRecord[] }>;

  /** Takes the plan lease and reads the active tenants that are due; releases it when none is (F3). */
  beginPlan(request: BeginPlan): Promise<BeginPlanResult>;
  /**
   * Commits the choice and releases the plan lease, in one transaction. A tenant is won only if it is still active
   * and its `planVersion` is unchanged: of two planners never both win a tenant. Returns the ids won, in the
   * order given; none when the plan lease was lost.
   */
  commitPlan(plan: CommitPlan): Promise<string[]>;

  /**
   * Records a run's report and schedule; of a run that was skipped the schedule alone, without its streaks: the holder of
   * the lease reports for itself. A wake that came after the plan that caused the run outlives it: the
   * tenant stays due now (F7). An unknown or retired tenant is no error.
   */
  report(report: TenantReport): Promise<void>;
  /**
   * Notes which schema version a tenant's database has. The tenant's `version` stays: nothing was changed that a host
   * would have to know. An unknown or retired tenant is no error.
   */
  recordSchema(tenantId: string, schemaVersion: number): Promise<void>;
  /** Makes active tenants due now (F7); returns the ids that were. */
  wake(tenantIds: readonly string[]): Promise<string[]>;
  fleet(): Promise<FleetSummary>;
  close(): Promise<void>;
}
