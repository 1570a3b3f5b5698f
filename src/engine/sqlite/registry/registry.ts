/** The registry in a SQLite database. Each concern has a file of its own. */
import { ignoreRejection, type MultiOutboxError } from '../../../errors.ts';
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
import type { DatabaseHandle } from '../handle.ts';
import { SqliteLeaseStore } from '../lease-store.ts';
import { SqliteSchema } from '../schema-control.ts';
import { keepHistory } from './fleet-minute.ts';
import { fleetHistory, tenantHistory } from './history.ts';
import { SqliteAudit, SqliteOperations } from './operations.ts';
import { beginPlan, commitPlan } from './plan.ts';
import { fleetSummary, postponeTenant, recordPoisoned, recordReport } from './reports.ts';
import type { TenantFiles } from './tenant-files.ts';
import {
  addTenant,
  changeTenant,
  getTenant,
  listTenants,
  recordTenantSchema,
  setTenantStatus,
  tenantsChangedSince,
} from './tenants.ts';
import type { WakeFile } from './wake-file.ts';
import { alreadyWoken, hasWoken, wakeTenants } from './wakes.ts';

/** While reports fail to reach the disk, milliseconds from one call of `onUnsynced` to the next. */
const tellEveryMs = 600_000;

export class SqliteRegistry implements Registry {
  readonly leases: LeaseStore;
  readonly schema: SchemaControl;
  readonly audit: AuditStore;
  readonly operations: OperationStore;
  readonly #handle: DatabaseHandle;
  readonly #files: TenantFiles;
  /** Null for a registry in memory, which no other process can reach. */
  readonly #wakeFile: WakeFile | null;
  readonly #close: () => void;
  readonly #onUnsynced: ((error: MultiOutboxError) => void) | undefined;
  #tellsFrom = Number.NEGATIVE_INFINITY;

  /** @param onUnsynced see `SqliteEngineOptions` */
  constructor(
    handle: DatabaseHandle,
    files: TenantFiles,
    wakeFile: WakeFile | null,
    close: () => void,
    onUnsynced?: (error: MultiOutboxError) => void,
  ) {
    this.#onUnsynced = onUnsynced;
    this.#handle = handle;
    this.#files = files;
    this.#wakeFile = wakeFile;
    this.#close = close;
    this.audit = new SqliteAudit(handle);
    this.operations = new SqliteOperations(handle);
    this.leases = new SqliteLeaseStore(handle);
    this.schema = new SqliteSchema(handle);
  }

  add(
    definition: TenantDefinition,
    databaseKey: string,
    by: TenantEditor = 'operator',
  ): Promise<TenantRecord> {
    return this.#handle.write((connection, now) =>
      addTenant(connection, this.#files, { definition, databaseKey }, by, now),
    );
  }

  change(definition: TenantDefinition, databaseKey: string, expectedVersion?: number): Promise<TenantRecord> {
    return this.#handle.write((connection, now) =>
      changeTenant(connection, this.#files, { definition, databaseKey }, expectedVersion, now),
    );
  }

  setStatus(tenantId: string, status: TenantStatus, by: TenantEditor = 'operator'): Promise<TenantRecord> {
    return this.#handle.write((connection, now) => setTenantStatus(connection, tenantId, status, by, now));
  }

  get(tenantId: string): Promise<TenantRecord | null> {
    return this.#handle.look((connection) => getTenant(connection, tenantId));
  }

  list(query: ListTenants = {}): Promise<TenantRecord[]> {
    return this.#handle.look((connection) => listTenants(connection, query));
  }

  changesSince(version: number | null): Promise<TenantChanges> {
    return this.#handle.read((connection) => tenantsChangedSince(connection, version));
  }

  beginPlan(request: BeginPlan): Promise<BeginPlanResult> {
    return beginPlan(this.#handle, request);
  }

  commitPlan(plan: CommitPlan): Promise<string[]> {
    return this.#handle.write((connection, now) => commitPlan(connection, plan, now));
  }

  /**
   * It need not wait for the disk. When a power cut takes the report away, a tenant that a plan or a wake chose is planned
   * again after the redispatch time, as without a report (D7). Reports of the runs of one moment reach the disk together; if
   * that fails, the next report or wake tries again.
   */
  async report(report: TenantReport): Promise<Reported> {
    const calledAt = performance.now();
    const reported = await this.#handle.write(
      (connection, now) => recordReport(connection, report, now, performance.now() - calledAt),
      { durable: false },
    );
    void this.#handle.makeDurable().catch((error: MultiOutboxError) => this.#unsynced(error));
    return reported;
  }

  #unsynced(error: MultiOutboxError): void {
    const now = performance.now();
    if (now < this.#tellsFrom) return;
    this.#tellsFrom = now + tellEveryMs;
    this.#onUnsynced?.(error);
  }

  postpone(tenantId: string, holdMs: number, version?: number): Promise<void> {
    return this.#handle.write((connection, now) =>
      postponeTenant(connection, tenantId, { holdMs, version }, now),
    );
  }

  recordSchema(tenantId: string, schemaVersion: number): Promise<void> {
    return this.#handle.write((connection) =>
      recordTenantSchema(connection, this.#files, tenantId, schemaVersion),
    );
  }

  async wake(tenantIds: readonly string[], choose?: ChooseWoken): Promise<Woken> {
    const ids = [...new Set(tenantIds)];
    let isWritten = false;
    const woken = await this.#handle.lookOrWrite(
      (connection) => alreadyWoken(connection, ids, choose),
      (connection, now) => {
        isWritten = true;
        return wakeTenants(connection, ids, choose, now);
      },
      // Whoever dispatches the tenants need not wait for the disk.
      { durable: false },
    );
    // A wake that need not write relies on an earlier one.
    const durable = this.#handle.makeDurable();
    ignoreRejection(durable);
    if (isWritten && woken.due.length > 0) this.#wakeFile?.touch();
    return { ...woken, durable };
  }

  hasWoken(): Promise<boolean> {
    return this.#handle.look(hasWoken);
  }

  onWake(listener: () => void): () => void {
    return this.#wakeFile?.watch(listener) ?? (() => {});
  }

  recordPoisoned(messageId?: string): Promise<void> {
    return this.#handle.write((connection, now) => recordPoisoned(connection, messageId, now));
  }

  fleet(): Promise<FleetSummary> {
    return this.#handle.read(fleetSummary);
  }

  /** The state of a minute that a power cut takes away is missing, as that of one without a plan is. */
  async keepHistory({ record }: { readonly record: boolean }): Promise<void> {
    // Read before, so that no writer waits for the sums over all tenants.
    const fleet = record ? await this.fleet() : undefined;
    await this.#handle.write((connection, now) => keepHistory(connection, fleet, now), { durable: false });
  }

  fleetHistory(sinceMs: number): Promise<FleetMinute[]> {
    return this.#handle.look((connection) => fleetHistory(connection, sinceMs));
  }

  tenantHistory(tenantId: string, sinceMs: number): Promise<TenantHour[]> {
    return this.#handle.look((connection) => tenantHistory(connection, tenantId, sinceMs));
  }

  async close(): Promise<void> {
    this.#close();
  }
}
