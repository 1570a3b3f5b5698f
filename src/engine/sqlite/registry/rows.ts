/** Converts rows of the registry's Tenants table to records, and definitions to columns. */
import type { RunCounts, TenantDefinition, TenantRecord } from '../../registry.ts';
import {
  type ColumnReaders,
  type TenantRow as Row,
  storedAuth,
  type TotalsRow as Totals,
  tenantRecordOf,
  totalsOf,
} from '../../tenant-row.ts';

export const tenantColumns = [
  'Id, Server, DatabaseName, Auth, SchemaName, Priority, Weight, SlaSeconds, Tags, Overrides, Status, Version',
  'AddedUtc, SchemaVersion, NextDueUtc, WakePending, PlanVersion, LastPlannedUtc, LastRunUtc, LastOutcome, LastDurationMs',
  'LastCounts, TotalDone, TotalRetried, TotalDead, TotalReleased, TotalParked, TotalLost, TotalRecovered',
  'IdleStreak, FailureStreak, LastError, LastErrorCode, LastErrorUtc, Backlog, ParkedTopics',
].join(', ');

export interface TenantRow extends Row<number, number, number> {
  readonly WakePending: number;
  readonly PlanVersion: number;
}

export type TotalsRow = Totals<number>;

const readers: ColumnReaders<number, number, number> = {
  time: (milliseconds) => new Date(milliseconds),
  number: (value) => value,
  flag: (value) => value === 1,
};

export function totals(row: TotalsRow): RunCounts {
  return totalsOf(row, readers.number);
}

export function tenantRecord(row: TenantRow): TenantRecord {
  return tenantRecordOf(row, readers);
}

/** A definition's values for the columns. */
export function definitionValues(definition: TenantDefinition, databaseKey: string) {
  return {
    id: definition.id,
    server: definition.server,
    database: definition.database,
    databaseKey,
    auth: storedAuth(definition.auth),
    schema: definition.schema,
    priority: definition.priority,
    weight: definition.weight,
    slaSeconds: definition.slaSeconds,
    tags: JSON.stringify(definition.tags),
    overrides: JSON.stringify(definition.overrides),
  };
}
