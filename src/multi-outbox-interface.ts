/** The types of the library's public interface; multi-outbox.ts creates it. */
import type { FleetSummary } from './engine/fleet-summary.ts';
import type { DispatchOptions } from './fleet/dispatch/dispatcher.ts';
import type { RunReport } from './fleet/dispatch/run-report.ts';
import type { DispatchRequest } from './fleet/dispatch-request.ts';
import type { PlanOptions } from './fleet/index.ts';
import type { Messages } from './fleet/messages/index.ts';
import type { Diagnosis, ExamineOptions } from './fleet/operations/doctor.ts';
import type { History, HistoryOptions } from './fleet/operations/history.ts';
import type { LeaseInTenantsOptions, TenantUnderLease } from './fleet/operations/lease-in-tenants.ts';
import type { MigrateOptions, TenantMigration } from './fleet/operations/migrate.ts';
import type { PoisonedOptions, PoisonedQueue, PoisonReport } from './fleet/operations/poison.ts';
import type { WorstTenants } from './fleet/operations/worst-tenants.ts';
import type { PlanReport } from './fleet/plan/plan-report.ts';
import type { Strategy } from './fleet/plan/strategy.ts';
import type { Operations } from './fleet/stored-operations/index.ts';
import type { TenantInput } from './fleet/tenants/definition.ts';
import type { Directory } from './fleet/tenants/directory-listing.ts';
import type { Tenants } from './fleet/tenants/registered-tenants.ts';
import type { Inbox } from './inbox/inbox.ts';
import type { Lease } from './lease/lease.ts';
import type { Leases } from './lease/leases.ts';
import type { TickReport } from './local/tick.ts';
import type { Outbox } from './outbox/outbox.ts';
import type { DeadMessage, FailedAttempt } from './queue/failures.ts';
import type { Handler } from './queue/handler.ts';
import type { SettingsInput } from './settings.ts';
import type { Logger } from './telemetry/logger.ts';

/** The options of `createMultiOutbox`: the settings of docs/configuration.md, and the options that are code. */
export interface MultiOutboxOptions extends SettingsInput {
  /**
   * The source of the tenants. Absent: the registry (`registry`, or MULTI_OUTBOX_REGISTRY). A list: a static
   * directory, whose schedule is kept in this process; with one entry it is a single outbox. A `Directory`: the
   * registry is synchronised with it; `registry: 'sqlite::memory:'` keeps the schedule in this process.
   */
  readonly tenants?: readonly TenantInput[] | Directory;
  /** Default: none. Such an instance enqueues and administers; its `run`, `tick` and `dispatch` are refused. */
  readonly handlers?: readonly Handler[];
  /** Decides which due tenants are dispatched first (F4). Default: the setting `plan.strategy`. */
  readonly strategy?: Strategy;
  /**
   * Where the log goes. Default: warnings and errors to standard error, one line each; the setting
   * `telemetry.logToConsole` turns that off.
   */
  readonly logger?: Logger;
  /**
   * Called at once when an attempt has failed, the last one included. It is not awaited, and an error of it is logged
   * and changes nothing.
   */
  readonly onError?: (failure: FailedAttempt) => void;
  /**
   * Called when a message has become Dead, as soon as the database has confirmed that. It is not awaited, and an error
   * of it is logged and changes nothing. (The setting `dispatch.onDead` says what such a message does to its ordering
   * group.)
   */
  readonly onDeadMessage?: (dead: DeadMessage) => void;
  /**
   * The owner of the leases that this instance takes. Default: host name, process id and a random part. Each dispatch
   * run adds a part of its own.
   */
  readonly owner?: string;
  /** Who acts through this instance, in the record of operators' acts: at most 200 characters. Default: `owner`. */
  readonly actor?: string;
}

/** The calls of a multi-outbox that wake tenants. */
export interface WakingCalls {
  /**
   * Returns the same instance for the same id until the tenant's configuration changes. An unknown id fails at the
   * first call of a method.
   */
  outbox(tenantId: string): Outbox;
  /** As `outbox`, for the tenant's inbox. */
  inbox(tenantId: string): Inbox;
  /**
   * Wakes tenants (F7). A `run` of this instance serves them at once, if it has free slots; otherwise they are due now. A
   * tenant that is being served is due again when its run has ended. @throws UNKNOWN_TENANT, TENANT_NOT_ACTIVE
   */
  wake(tenantId: string | readonly string[]): Promise<void>;
  /**
   * Handles a wake from a queue: `{"tenantId":"acme"}`, or just the tenant's id, as plain text or as base64. The wake of a
   * paused tenant is dropped.
   * @throws INVALID_ARGUMENT, UNKNOWN_TENANT, or the registry's error
   */
  wakeFrom(content: unknown): Promise<void>;
}

export interface TickOptions {
  /** When it fires, the runs stop gracefully (D5). */
  readonly signal?: AbortSignal;
  /** Called when each run starts and when it ends, to report progress. An error of it is logged and stops no run. */
  readonly onRun?: (event: { readonly request: DispatchRequest; readonly report?: RunReport }) => void;
}

/** The result of `close`. */
export interface CloseReport {
  /**
   * Tenants for which this instance stored messages and that it could not wake, or whose wake the registry has not
   * answered in time. Their messages are dispatched at the tenants' next look, within `schedule.lookWithinMs` (F6).
   */
  readonly unwoken: readonly string[];
}

/** Versions of the registry's schema. */
export interface RegistrySchema {
  /** 0 while no registry exists; `migrate` creates it. */
  readonly version: number;
  /** The version to which `migrate` brings the registry. */
  readonly latest: number;
  /** The oldest version that plans and dispatch runs can use; they can also use every later one. */
  readonly oldestUsable: number;
}

/** The library's public interface. The Azure functions and the command line use nothing else. */
export interface MultiOutbox extends WakingCalls {
  readonly tenants: Tenants;
  /** Chooses the due tenants (F3) and returns one dispatch request for each. @throws INVALID_ARGUMENT */
  plan(options?: PlanOptions): Promise<PlanReport>;
  /**
   * Handles one request with one dispatch run (D1). A tenant's failure is in the report, not thrown (D8).
   * @throws INVALID_ARGUMENT, UNKNOWN_TENANT, INVALID_CONFIGURATION without handlers, or the registry's error
   */
  dispatch(
    request: DispatchRequest | { readonly tenantId: string },
    options?: DispatchOptions,
  ): Promise<RunReport>;
  /**
   * Makes one plan and then every run that it requests, in this process.
   * @throws INVALID_CONFIGURATION without handlers, CLOSED, or the registry's error
   */
  tick(options?: TickOptions): Promise<TickReport>;
  /**
   * Plans and dispatches until the signal fires or `close` is called, then stops gracefully (D5) and resolves. Trouble of the
   * registry or of a tenant does not end it.
   * @throws INVALID_CONFIGURATION without handlers, INVALID_ARGUMENT without a signal, CLOSED when the instance was closed before
   */
  run(options: TickOptions & { signal: AbortSignal; onPlan?: (plan: PlanReport) => void }): Promise<void>;
  /**
   * The same calls, for a host with a queue of its own, such as a function app: a wake calls `send` with the dispatch
   * request of each tenant that it chooses, and waits for it before its own call resolves; the host must put the request on
   * its queue. If the request is lost, or `send` fails, the tenant is due again after the redispatch time. A wake in the
   * background only makes its tenant due: one that is repeated, and one that follows the commit of the caller's transaction.
   */
  sending(send: (request: DispatchRequest) => void | Promise<void>): WakingCalls;
  /** The leases of one tenant's database; without an id, those of the registry (L5). */
  leases(tenantId?: string): Leases;
  /**
   * Calls `leases(id).withLease` for many tenants, `parallel` of them at once. One tenant's failure is in its result;
   * the results have the order of the tenants. @throws the registry's error, when the registry must list the tenants
   * and cannot
   */
  withLeases<Result>(
    name: string,
    options: LeaseInTenantsOptions,
    work: (lease: Lease, tenantId: string) => Promise<Result> | Result,
  ): Promise<TenantUnderLease<Result>[]>;
  /** The fleet's state by the registry's last reports; touches no tenant database (F6). @throws the registry's error */
  status(): Promise<FleetSummary>;
  /**
   * What the fleet did by minute, or a tenant by hour, as plans and reports have written it to the registry; touches no
   * tenant database (F6). @throws INVALID_ARGUMENT, UNKNOWN_TENANT
   */
  history(options?: HistoryOptions): Promise<History>;
  /**
   * The tenants that most need attention, by the same reports: at most `limit` (20) of the first `examine` (10,000) active
   * tenants by id. @throws INVALID_ARGUMENT, or the registry's error
   */
  worst(options?: { limit?: number; examine?: number }): Promise<WorstTenants>;
  /**
   * Handles a message of a poison queue: a `poisonedRequest`, which is recorded with the tenant that it names, or a
   * message that a queue's host gave up, which is tried again. The caller must send the report's `requests`.
   * @param queue the queue from which the message came to its poison queue
   * @throws INVALID_ARGUMENT, or the registry's error; keep the message then, and try again later
   */
  poisoned(content: unknown, queue: PoisonedQueue, options?: PoisonedOptions): Promise<PoisonReport>;
  /** The registry's schema version, and the versions that this program can use. */
  registrySchema(): Promise<RegistrySchema>;
  /**
   * Migrates the registry, then the tenants, to this program's schema. The result has an entry for each, the registry first.
   * If the registry fails, no tenant is migrated; a tenant's failure does not stop the others.
   * @throws INVALID_ARGUMENT, UNKNOWN_TENANT
   */
  migrate(options?: MigrateOptions): Promise<TenantMigration[]>;
  /**
   * Checks the registry and the tenants' databases: reachability, schema, rights, settings, clock. It changes
   * nothing, but unlike `status` it connects to the databases. A database that cannot be reached is a finding.
   * @throws INVALID_ARGUMENT, UNKNOWN_TENANT
   */
  doctor(options?: ExamineOptions): Promise<Diagnosis[]>;
  /** What operators see of messages, and do to them. */
  readonly messages: Messages;
  /** Acts over many tenants, on all their messages that match or on the tenants themselves, which are stored with their progress. */
  readonly operations: Operations;
  readonly handlers: readonly Handler[];
  /**
   * Ends `run`, `tick` and every dispatch run gracefully (D5), so that their leases are released; repeats failed wakes
   * once; then closes all databases. Other calls in flight, and all later ones, fail with CLOSED. Takes at most about
   * as long as `dispatch.graceMs` while the databases answer. Idempotent; every call returns the same report.
   */
  close(): Promise<CloseReport>;
  [Symbol.asyncDispose](): Promise<void>;
}
