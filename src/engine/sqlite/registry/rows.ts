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
import { date, integer, integerColumn, type StoredInteger } from '../integers.ts';

const totalColumns = [
  'TotalDone',
  'TotalRetried',
  'TotalDead',
  'TotalReleased',
  'TotalParked',
  'TotalLost',
  'TotalRecovered',
];

/** Their names stay, so a query that sorts by one of them must qualify it with the table: `Tenants.Version`. */
const integers = [
  'PausedByOperator',
  'Version',
  'AddedUtc',
  'SchemaVersion',
  'NextDueUtc',
  'WakePending',
  'PlanVersion',
  'LastPlannedUtc',
  'LastRunUtc',
  ...totalColumns,
  'IdleStreak',
  'FailureStreak',
  'LastErrorUtc',
  'Backlog',
  'OutboxStateUtc',
  'InboxStateUtc',
  'LongestWaitMs',
  'LongestWaitUtc',
].map((name) => `${integerColumn(name)} AS ${name}`);

export const tenantColumns = [
  'Id, Server, DatabaseName, Auth, SchemaName, Priority, Weight, SlaSeconds, Tags, Overrides, Status',
  'LastOutcome, LastDurationMs, LastCounts, LastError, LastErrorCode, FailingTopics, OutboxState, InboxState',
  ...integers,
].join(', ');

export interface TenantRow extends Row<StoredInteger, StoredInteger, StoredInteger> {
  readonly WakePending: StoredInteger;
  readonly PlanVersion: StoredInteger;
}

export type TotalsRow = Totals<number>;

const readers: ColumnReaders<StoredInteger, StoredInteger, StoredInteger> = {
  time: date,
  number: integer,
  flag: (value) => value === 1,
};

export function totals(row: TotalsRow): RunCounts {
  return totalsOf(row, integer);
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
