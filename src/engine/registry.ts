/**
 * The registry: the control database that lists the tenants and keeps their schedule (section 6). Every tenant row
 * has a definition, which people change, and a schedule, which plans and run reports change. Status, health and
 * dashboards read only the registry (F6).
 */
import type { AuditStore } from './audit.ts';
import type { FleetSummary } from './fleet-summary.ts';
import type { FleetMinute, TenantHour } from './history.ts';
import type { LeasedElsewhere, LeaseRef, LeaseStore } from './lease-store.ts';
import type { OperationStore } from './operation-store.ts';
import type { PlanRange } from './plan-range.ts';
import type { RunCounts } from './run-counts.ts';
import type { SchemaControl } from './schema.ts';
import type { FailingTopic, QueueState, Reported, RunOutcome, TenantReport } from './tenant-report.ts';
import type { TenantStatus } from './tenant-status.ts';
import type { QueueName } from './work-queue.ts';

export type { RunCounts };

/**
 * How to log in to a tenant's database. The registry never stores a secret, only the name of the setting that has it.
 */
export type TenantAuth =
  | { readonly kind: 'managed-identity' }
  /** The name of an app setting (environment variable) that contains a connection string. */
  | { readonly kind: 'setting'; readonly name: string };

/** Settings of one tenant that override the fleet's. */
export interface TenantOverrides {
  readonly batchSize?: number;
  readonly concurrency?: number;
  /** The longest idle interval; with `never`, only wakes, known due times and the bound make the tenant due (F6). */
  readonly idleCeilingMs?: number | 'never';
}

/** A tenant's definition (F1). */
export interface TenantDefinition {
  /** 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit. */
  readonly id: string;
  /** Empty for embedded databases. */
  readonly server: string;
  /** A database name; for an embedded database its file, relative to the registry's folder or absolute. */
  readonly database: string;
  readonly auth: TenantAuth;
  /** The database schema that contains the objects. */
  readonly schema: string;
  /** Strategies that use priorities choose a higher one first. */
  readonly priority: number;
  /** The tenant's share relative to others, greater than 0, for strategies that use weights. */
  readonly weight: number;
  /** Seconds within which a due message should be dispatched; null for no promise. */
  readonly slaSeconds: number | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly overrides: TenantOverrides;
}

/** A tenant's schedule, as the last plan and the last report wrote it. */
export interface TenantSchedule {
  /** Null when the tenant is not due until a wake (F6). */
  readonly nextDueUtc: Date | null;
  readonly lastPlannedUtc: Date | null;
  readonly lastRunUtc: Date | null;
  readonly lastOutcome: RunOutcome | null;
  readonly lastDurationMs: number | null;
  readonly lastCounts: RunCounts | null;
  /** Sums of `lastCounts` over all reports. */
  readonly totals: RunCounts;
  /**
   * The longest time that a message waited from its due time to the start of its handler, in whole milliseconds, in the last
   * run that started a message (S2), and when that run reported. Null if none has, since the tenant got its database.
   */
  readonly longestWaitMs: number | null;
  readonly longestWaitUtc: Date | null;
  readonly idleStreak: number;
  readonly failureStreak: number;
  /** The error of the last run; null when that run had none. A skipped run changes nothing. The log keeps earlier errors. */
  readonly lastError: string | null;
  readonly lastErrorCode: string | null;
  readonly lastErrorUtc: Date | null;
  /** Whether the last run left due messages. */
  readonly backlog: boolean;
  /** A queue that no run has served to its end yet is absent. */
  readonly queues: Readonly<Partial<Record<QueueName, QueueState>>>;
  /** The topics of messages that wait for a handler, in `queues`; at most 20 of a queue. */
  readonly parkedTopics: readonly string[];
  /** At most 20; the one that failed last comes first. */
  readonly failingTopics: readonly FailingTopic[];
}

/**
 * Who sets a status or adds a tenant. A pause that an operator has set stays until an operator ends it: a directory
 * cannot resume the tenant, and a tenant that it retires and adds again is paused again.
 */
export const tenantEditors = ['operator', 'directory'] as const;
export type TenantEditor = (typeof tenantEditors)[number];

export interface TenantRecord extends TenantDefinition {
  readonly status: TenantStatus;
  /** Whether an operator has paused the tenant and not resumed it since; it stays while the tenant is retired. */
  readonly pausedByOperator: boolean;
  /** A number that rises with every change of any tenant's definition or status, by a step at random (F2). */
  readonly version: number;
  readonly addedUtc: Date;
  /**
   * The last known schema version of the tenant's database; null when none was recorded since the tenant was added or
   * moved. A note for fleet migrations; the database's own version may differ.
   */
  readonly schemaVersion: number | null;
  readonly schedule: TenantSchedule;
  /** Absent when the whole row can be read (Q15). */
  readonly unreadable?: UnreadableColumns;
}

/**
 * The columns of a tenant's row that cannot be read, because another program wrote them. They have neutral values in the
 * record.
 */
export interface UnreadableColumns {
  /** If there are any, the tenant must not be served: its run fails. */
  readonly definition: readonly string[];
  /** The next report overwrites most of them. */
  readonly schedule: readonly string[];
}

/** A due tenant that a plan may choose (F3). Ages are milliseconds by the registry's clock. */
export interface PlanCandidate {
  readonly tenant: TenantRecord;
  /** `commitPlan` compares it, because another planner's commit changes it. */
  readonly planVersion: number;
  /** How long the tenant has been due; at least 0. */
  readonly overdueMs: number;
  /** Null when the tenant was never planned. */
  readonly sincePlannedMs: number | null;
  readonly woken: boolean;
}

/**
 * The order in which a plan reads due tenants (F4); among equals the longest due comes first. `weight` sorts by the
 * product of the tenant's weight and the time since it was last planned, the greatest first; tenants never planned come
 * before all others. `deadline` sorts by the time at which the SLA runs out; tenants without an SLA come last.
 */
export const candidateOrders = ['longest-due', 'backlog', 'priority', 'deadline', 'weight'] as const;
export type CandidateOrder = (typeof candidateOrders)[number];

export interface BeginPlan {
  readonly owner: string;
  readonly leaseMs: number;
  /**
   * The plan reads up to this many due tenants, the longest due first. If more are due, it also reads up to this many
   * in the order that `order` names.
   */
  readonly limit: number;
  /** Default: `longest-due`. */
  readonly order?: CandidateOrder;
  /**
   * Milliseconds: the plan brings due times that are later than this from now forward to it, so that no tenant waits
   * longer after the clock was set back, or after the operator has lowered the bound (F6). Default: it leaves them.
   */
  readonly lookWithinMs?: number;
  /** The plan takes the lease of this range, and reads only its tenants. Default: all tenants. */
  readonly range?: PlanRange | undefined;
}

/**
 * The facts about the previous plan, which reveal a lost or late tick (F3): the previous plan of the same range, or of a
 * fleet with another number of planners, which planned its tenants too.
 */
export interface PreviousPlan {
  /** Milliseconds since the previous plan; null at the first plan. */
  readonly sinceMs: number | null;
  /** Whether the last plan took the lease and never committed. */
  readonly unfinished: boolean;
  /** Whether this is the fleet's first plan in its minute, by the registry's clock. */
  readonly isFirstOfMinute: boolean;
}

export type BeginPlanResult =
  | LeasedElsewhere
  /** No tenant is due, and the lease is free again. `nextDueInMs` is null when no active tenant has a due time. */
  | { readonly status: 'idle'; readonly previous: PreviousPlan; readonly nextDueInMs: number | null }
  | {
      readonly status: 'due';
      readonly lease: LeaseRef;
      readonly previous: PreviousPlan;
      /** Each tenant once: first those due the longest, then those read in the order that `order` names. */
      readonly candidates: PlanCandidate[];
      /** How many tenants are due, including those not read. */
      readonly due: number;
    };

export interface CommitPlan {
  readonly lease: LeaseRef;
  readonly choices: readonly { readonly tenantId: string; readonly planVersion: number }[];
  /**
   * Milliseconds after which a chosen tenant is due again in case its request is lost. Normally the run's report
   * replaces this.
   */
  readonly redispatchMs: number;
  /** As in `BeginPlan`. */
  readonly range?: PlanRange | undefined;
}

/** Lets a wake choose tenants, as a plan does (F7). */
export interface ChooseWoken {
  /** The most tenants to choose. */
  readonly capacity: number;
  /** As in `CommitPlan`. */
  readonly redispatchMs: number;
}

/** The result of a wake. */
export interface Woken {
  /** The ids of those tenants that are active. */
  readonly tenantIds: string[];
  /** The records of the tenants that this call chose. The caller must dispatch each of them. */
  readonly chosen: TenantRecord[];
  /**
   * The ids of the tenants that are due now, and were not chosen for want of capacity: a plan chooses them. Tenants whose
   * last run failed are due now too, but are not among these, because no plan is made earlier for them.
   */
  readonly due: string[];
  /**
   * The ids of the tenants that were in flight before this call: they are due after their run's report, or after the
   * redispatch time if no report comes.
   */
  readonly inFlight: string[];
  /**
   * Resolves once the wake survives a power cut. Every process can see it before, and the caller need not wait for this
   * before it dispatches the tenants. Rejects as the call would.
   */
  readonly durable: Promise<void>;
}

export interface TenantChanges {
  /** The latest version. */
  readonly version: number;
  readonly tenants: TenantRecord[];
  /** Whether `tenants` are all tenants, instead of those that changed. */
  readonly isWhole: boolean;
}

export interface ListTenants {
  readonly status?: TenantStatus;
  /** Only tenants with parked messages, by their last reports. */
  readonly parked?: boolean;
  /** Returns ids greater than this one; pass the last id of the previous page. */
  readonly after?: string;
  /** The most tenants. Default: all. */
  readonly limit?: number;
}

export interface Registry {
  readonly leases: LeaseStore;
  readonly schema: SchemaControl;
  readonly audit: AuditStore;
  readonly operations: OperationStore;

  /**
   * Registers a tenant, active and due now. A retired tenant of the same id is active again, with the new definition;
   * or paused, if a directory adds a tenant that an operator has paused. By default an operator adds it.
   * @throws TENANT_EXISTS; DATABASE_IN_USE when another tenant that is not retired has `databaseKey`
   */
  add(definition: TenantDefinition, databaseKey: string, by?: TenantEditor): Promise<TenantRecord>;
  /**
   * Replaces the definition of a tenant that is not retired. If its database or schema changes, what runs have reported of its
   * queues goes, and the tenant is due now. Runs of the earlier database can no longer report or postpone.
   * @param expectedVersion the `version` of the record that the change was made from; without it, every version is replaced
   * @throws UNKNOWN_TENANT, DATABASE_IN_USE; TENANT_CHANGED when the tenant has another version than `expectedVersion`
   */
  change(definition: TenantDefinition, databaseKey: string, expectedVersion?: number): Promise<TenantRecord>;
  /**
   * A tenant that becomes active is due now. Only `add` makes a retired tenant active, and only an operator resumes a
   * tenant that an operator has paused: for a directory the tenant then stays paused. By default an operator sets it.
   * @throws UNKNOWN_TENANT
   */
  setStatus(tenantId: string, status: TenantStatus, by?: TenantEditor): Promise<TenantRecord>;
  get(tenantId: string): Promise<TenantRecord | null>;
  /** Lists tenants, sorted by id. */
  list(query?: ListTenants): Promise<TenantRecord[]>;
  /**
   * Returns the tenants whose definition or status changed after `version`, and the latest version (F2). With `null`
   * it returns only the latest version. If no tenant has `version`, it returns all tenants: the registry was restored
   * to an earlier time, or the tenant that was changed last has changed again.
   */
  changesSince(version: number | null): Promise<TenantChanges>;

  /** Takes the plan lease and reads the active tenants that are due; releases the lease when none is due (F3). */
  beginPlan(request: BeginPlan): Promise<BeginPlanResult>;
  /**
   * Commits the choice and releases the plan lease, in one transaction. The planner gets a tenant only if it is still
   * active and its `planVersion` is unchanged, so two planners never get the same tenant. Returns the ids that this
   * planner got, in the order given; none when the plan lease was lost.
   */
  commitPlan(plan: CommitPlan): Promise<string[]>;

  /**
   * Records a run's report and schedule; the tenant is in flight no more, unless the report chooses it again. If a wake
   * came after the tenant was chosen, the tenant is due now, and the answer is `woken` (F7). Unknown and retired tenants
   * are ignored. So is a run with a `tenantVersion` before the tenant's present database; the answer is then `moved`.
   *
   * The report of a skipped run changes only the due time and `queues`, because the run that has the lease reports for
   * itself. That run may have claimed its last messages before the skipped run was requested. So this report counts as a wake:
   * the other run's report makes the tenant due; if that one came first, the tenant is due now, and the answer is `woken`.
   */
  report(report: TenantReport): Promise<Reported>;
  /**
   * The tenant's run is alive: no plan chooses the tenant within `holdMs` from now, and a wake waits for the run's
   * report (F3, F7). Unknown and retired tenants are ignored, and a run with a version before the tenant's present database.
   */
  postpone(tenantId: string, holdMs: number, tenantVersion?: number): Promise<void>;
  /**
   * Records the schema version of a tenant's database. The tenant's `version` stays, because hosts need not reload
   * the tenant for this. Unknown and retired tenants are ignored.
   */
  recordSchema(tenantId: string, schemaVersion: number): Promise<void>;
  /**
   * Wakes the active tenants among these (F7). A tenant that is in flight, which means that a plan or a wake has chosen it
   * and no run has reported yet, gets a note: its run's report makes it due. Every other tenant is chosen, up to the
   * capacity, and is then in flight; or it is due now. A tenant whose last run failed, or found its database resuming, is
   * not chosen, so that its runs are no more frequent than plans.
   */
  wake(tenantIds: readonly string[], choose?: ChooseWoken): Promise<Woken>;
  /**
   * Whether a woken tenant is due: one cheap read, by which hosts learn of the wakes of other processes. A tenant whose last
   * run failed does not count, so that it brings no plan forward.
   */
  hasWoken(): Promise<boolean>;
  /**
   * Calls `listener` soon after a wake of any process has left tenants due. A call may be missing, or come without a reason.
   * Absent if the engine cannot notify; then call `hasWoken` again and again.
   * @returns the function that ends it
   */
  onWake?(listener: () => void): () => void;
  /**
   * Counts a queue message that was given up (`FleetSummary.poisoned`).
   * @param messageId a UUID; one of the last 16 messages is not counted again
   */
  recordPoisoned(messageId?: string): Promise<void>;
  fleet(): Promise<FleetSummary>;
  /**
   * Call it after the first plan of each minute. Removes old rows of the history, a limited number of them. With `record` it
   * first writes the fleet's state now into its minute, once; reports have added to the minute what their runs did.
   */
  keepHistory(options: { readonly record: boolean }): Promise<void>;
  /** The minutes that began within `sinceMs`, the oldest first; the last one may be incomplete. */
  fleetHistory(sinceMs: number): Promise<FleetMinute[]>;
  /** The tenant's hours that ended within `sinceMs`, and the present one, the oldest first. */
  tenantHistory(tenantId: string, sinceMs: number): Promise<TenantHour[]>;
  close(): Promise<void>;
}
