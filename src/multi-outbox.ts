import type { LeaseRecord } from './engine/lease-store.ts';
import type { FleetSummary, Registry, TenantRecord } from './engine/registry.ts';
import type { MigrationResult } from './engine/schema.ts';
import type { DispatchRequest, PlanReport, RunReport, TickReport } from './fleet/requests.ts';
import type { TenantInput } from './fleet/tenant.ts';
import type { Outbox } from './outbox/outbox.ts';
import type { Handler } from './queue/handler.ts';
import type { SettingsInput } from './settings.ts';
import type { Logger } from './telemetry/logger.ts';

/** What `createMultiOutbox` takes: the settings of docs/configuration.md, and the parts that are code. */
export interface MultiOutboxOptions extends SettingsInput {
  /**
   * Where the tenants are. Absent: the registry (`registry`, or MULTI_OUTBOX_REGISTRY). A list: a static
   * directory, whose schedule lives in this process; one entry is the plain single outbox.
   */
  readonly tenants?: readonly TenantInput[];
  readonly handlers?: readonly Handler[];
  readonly logger?: Logger;
  /** Who holds the leases this instance takes; host name, process id and a random part when absent. */
  readonly owner?: string;
}

export interface TickOptions {
  readonly signal?: AbortSignal;
  /** Called as each run starts and ends, for progress. */
  readonly onRun?: (event: { readonly request: DispatchRequest; readonly report?: RunReport }) => void;
}

export interface TenantMigration {
  /** Null for the registry itself. */
  readonly tenantId: string | null;
  readonly result?: MigrationResult;
  readonly error?: { readonly code: string; readonly message: string };
}

/** The tenants of the registry, for people who administer them. */
export interface Tenants {
  /** @throws INVALID_TENANT, TENANT_EXISTS, DATABASE_IN_USE */
  add(tenant: TenantInput): Promise<TenantRecord>;
  /** Replaces the definition. @throws UNKNOWN_TENANT, INVALID_TENANT, DATABASE_IN_USE */
  change(tenant: TenantInput): Promise<TenantRecord>;
  /** @throws UNKNOWN_TENANT */
  get(tenantId: string): Promise<TenantRecord>;
  list(query?: { status?: TenantRecord['status']; after?: string; limit?: number }): Promise<TenantRecord[]>;
  pause(tenantId: string): Promise<TenantRecord>;
  resume(tenantId: string): Promise<TenantRecord>;
  /** Retires the tenant: it is dispatched no more; its database stays untouched. */
  remove(tenantId: string): Promise<TenantRecord>;
}

/** Leases of the registry or of one tenant's database. */
export interface LeaseList {
  list(): Promise<LeaseRecord[]>;
}

/** The library face: everything the Azure functions and the command line do, they do through this. */
export interface MultiOutbox {
  readonly tenants: Tenants;
  /** The registry as the engine gives it; opened when first needed. */
  registry(): Promise<Registry>;
  /** Chooses the due tenants (F3) and returns one dispatch request each. */
  plan(): Promise<PlanReport>;
  /** Serves one request: one dispatch run (D1). A tenant's trouble is in the report, not thrown (D8). */
  dispatch(
    request: DispatchRequest | { readonly tenantId: string },
    options?: { signal?: AbortSignal },
  ): Promise<RunReport>;
  /** One plan, then every run it asks for, in this process. */
  tick(options?: TickOptions): Promise<TickReport>;
  /** Plans and dispatches until the signal fires, then stops gracefully (D5) and resolves. */
  run(options: TickOptions & { signal: AbortSignal; onPlan?: (plan: PlanReport) => void }): Promise<void>;
  /** The same id gives the same instance until its configuration changes. Unknown ids fail at the first call. */
  outbox(tenantId: string): Outbox;
  leases(tenantId?: string): LeaseList;
  /** Makes tenants due now (F7). @throws UNKNOWN_TENANT, TENANT_NOT_ACTIVE */
  wake(tenantId: string | readonly string[]): Promise<void>;
  /** The fleet as the registry's last reports have it; touches no tenant database (F6). */
  status(): Promise<FleetSummary>;
  /** Brings the registry, then tenants, to this program's schema. One tenant's failure does not stop the others. */
  migrate(options?: {
    /** All active and paused tenants by default; [] for the registry alone. */
    tenants?: readonly string[];
    dryRun?: boolean;
    onTenant?: (migration: TenantMigration, done: number, of: number) => void;
  }): Promise<TenantMigration[]>;
  readonly handlers: readonly Handler[];
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
