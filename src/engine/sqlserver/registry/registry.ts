/** The registry in a SQL Server database: one file for each concern. */
import type { AuditStore } from '../../audit.ts';
import type { FleetSummary } from '../../fleet-summary.ts';
import type { FleetMinute, TenantHour } from '../../history.ts';
import type { LeaseStore } from '../../lease-store.ts';
import type { OperationStore } from '../../operation-store.ts';
import type {
  BeginPlan,
  BeginPlanResult,
  ChooseWoken,
  CommitPlan,
  ListTenants,
  Registry,
  TenantChanges,
  TenantDefinition,
  TenantEditor,
  TenantRecord,
  Woken,
} from '../../registry.ts';
import type { SchemaControl } from '../../schema.ts';
import type { Reported, TenantReport } from '../../tenant-report.ts';
import type { TenantStatus } from '../../tenant-status.ts';
import type { Database } from '../database.ts';
import { SqlServerLeaseStore } from '../lease-store.ts';
import { SqlServerSchema } from '../schema-control.ts';
import { fleetHistory, keepHistory, tenantHistory } from './history.ts';
import { SqlServerAudit, SqlServerOperations } from './operations.ts';
import { beginPlan, commitPlan } from './plan.ts';
import { fleetSummary, postponeTenant, recordPoisoned, recordReport } from './reports.ts';
import {
  addTenant,
  changesSince,
  changeTenant,
  getTenant,
  listTenants,
  recordTenantSchema,
  setTenantStatus,
} from './tenants.ts';
import { hasWoken, wakeTenants } from './wakes.ts';

export class SqlServerRegistry implements Registry {
  readonly leases: LeaseStore;
  readonly schema: SchemaControl;
  readonly audit: AuditStore;
  readonly operations: OperationStore;
  readonly #database: Database;
  readonly #release: () => Promise<void>;

  constructor(database: Database, release: () => Promise<void>) {
    this.#database = database;
    this.#release = release;
    this.audit = new SqlServerAudit(database);
    this.operations = new SqlServerOperations(database);
    this.leases = new SqlServerLeaseStore(database);
    this.schema = new SqlServerSchema(database, 'registry');
  }

  add(
    definition: TenantDefinition,
    databaseKey: string,
    by: TenantEditor = 'operator',
  ): Promise<TenantRecord> {
    return addTenant(this.#database, definition, databaseKey, by);
  }

  change(definition: TenantDefinition, databaseKey: string, expectedVersion?: number): Promise<TenantRecord> {
    return changeTenant(this.#database, definition, databaseKey, expectedVersion);
  }

  setStatus(tenantId: string, status: TenantStatus, by: TenantEditor = 'operator'): Promise<TenantRecord> {
    return setTenantStatus(this.#database, tenantId, status, by);
  }

  get(tenantId: string): Promise<TenantRecord | null> {
    return getTenant(this.#database, tenantId);
  }

  list(query: ListTenants = {}): Promise<TenantRecord[]> {
    return listTenants(this.#database, query);
  }

  changesSince(version: number | null): Promise<TenantChanges> {
    return changesSince(this.#database, version);
  }

  beginPlan(request: BeginPlan): Promise<BeginPlanResult> {
    return beginPlan(this.#database, request);
  }

  commitPlan(plan: CommitPlan): Promise<string[]> {
    return commitPlan(this.#database, plan);
  }

  report(report: TenantReport): Promise<Reported> {
    return recordReport(this.#database, report);
  }

  postpone(tenantId: string, holdMs: number, tenantVersion?: number): Promise<void> {
    return postponeTenant(this.#database, tenantId, holdMs, tenantVersion);
  }

  recordSchema(tenantId: string, schemaVersion: number): Promise<void> {
    return recordTenantSchema(this.#database, tenantId, schemaVersion);
  }

  async wake(tenantIds: readonly string[], choose?: ChooseWoken): Promise<Woken> {
    this.#database.assertOpen();
    if (tenantIds.length === 0)
      return { tenantIds: [], chosen: [], due: [], inFlight: [], durable: Promise.resolve() };
    return wakeTenants(this.#database, tenantIds, choose);
  }

  hasWoken(): Promise<boolean> {
    return hasWoken(this.#database);
  }

  recordPoisoned(messageId?: string): Promise<void> {
    return recordPoisoned(this.#database, messageId);
  }

  fleet(): Promise<FleetSummary> {
    return fleetSummary(this.#database);
  }

  keepHistory(options: { readonly record: boolean }): Promise<void> {
    return keepHistory(this.#database, options);
  }

  fleetHistory(sinceMs: number): Promise<FleetMinute[]> {
    return fleetHistory(this.#database, sinceMs);
  }

  tenantHistory(tenantId: string, sinceMs: number): Promise<TenantHour[]> {
    return tenantHistory(this.#database, tenantId, sinceMs);
  }

  close(): Promise<void> {
    return this.#release();
  }
}
