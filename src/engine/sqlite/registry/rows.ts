/** Rows of the registry's Tenants table, and the records they stand for. */
import type {
  RunCounts,
  RunOutcome,
  TenantAuth,
  TenantDefinition,
  TenantOverrides,
  TenantRecord,
  TenantStatus,
} from '../../registry.ts';
import { dateOrNull } from '../time.ts';

export const tenantColumns = [
  'Id, Server, DatabaseName, Auth, SchemaName, Priority, Weight, SlaSeconds, Tags, Overrides, Status, Version',
  'AddedUtc, SchemaVersion, NextDueUtc, WakePending, PlanVersion, LastPlannedUtc, LastRunUtc, LastOutcome, LastDurationMs',
  'LastCounts, TotalDone, TotalRetried, TotalDead, TotalReleased, TotalParked, TotalLost, TotalRecovered',
  'IdleStreak, FailureStreak, LastError, LastErrorCode, LastErrorUtc, Backlog, ParkedTopics',
].join(', ');

/** Sums of run counts, of one tenant or of many. */
export interface TotalsRow {
  readonly TotalDone: number;
  readonly TotalRetried: number;
  readonly TotalDead: number;
  readonly TotalReleased: number;
  readonly TotalParked: number;
  readonly TotalLost: number;
  readonly TotalRecovered: number;
}

export interface TenantRow extends TotalsRow {
  readonly Id: string;
  readonly Server: string;
  readonly DatabaseName: string;
  readonly Auth: string;
  readonly SchemaName: string;
  readonly Priority: number;
  readonly Weight: number;
  readonly SlaSeconds: number | null;
  readonly Tags: string;
  readonly Overrides: string;
  readonly Status: TenantStatus;
  readonly Version: number;
  readonly AddedUtc: number;
  readonly SchemaVersion: number | null;
  readonly NextDueUtc: number | null;
  readonly WakePending: number;
  readonly PlanVersion: number;
  readonly LastPlannedUtc: number | null;
  readonly LastRunUtc: number | null;
  readonly LastOutcome: RunOutcome | null;
  readonly LastDurationMs: number | null;
  readonly LastCounts: string | null;
  readonly IdleStreak: number;
  readonly FailureStreak: number;
  readonly LastError: string | null;
  readonly LastErrorCode: string | null;
  readonly LastErrorUtc: number | null;
  readonly Backlog: number;
  readonly ParkedTopics: string;
}

export function totals(row: TotalsRow): RunCounts {
  return {
    done: row.TotalDone,
    retried: row.TotalRetried,
    dead: row.TotalDead,
    released: row.TotalReleased,
    parked: row.TotalParked,
    lost: row.TotalLost,
    recovered: row.TotalRecovered,
  };
}

export function tenantRecord(row: TenantRow): TenantRecord {
  return {
    id: row.Id,
    server: row.Server,
    database: row.DatabaseName,
    auth: JSON.parse(row.Auth) as TenantAuth,
    schema: row.SchemaName,
    priority: row.Priority,
    weight: row.Weight,
    slaSeconds: row.SlaSeconds,
    tags: JSON.parse(row.Tags) as Record<string, string>,
    overrides: JSON.parse(row.Overrides) as TenantOverrides,
    status: row.Status,
    version: row.Version,
    addedUtc: new Date(row.AddedUtc),
    schemaVersion: row.SchemaVersion,
    schedule: {
      nextDueUtc: dateOrNull(row.NextDueUtc),
      lastPlannedUtc: dateOrNull(row.LastPlannedUtc),
      lastRunUtc: dateOrNull(row.LastRunUtc),
      lastOutcome: row.LastOutcome,
      lastDurationMs: row.LastDurationMs,
      lastCounts: row.LastCounts === null ? null : (JSON.parse(row.LastCounts) as RunCounts),
      totals: totals(row),
      idleStreak: row.IdleStreak,
      failureStreak: row.FailureStreak,
      lastError: row.LastError,
      lastErrorCode: row.LastErrorCode,
      lastErrorUtc: dateOrNull(row.LastErrorUtc),
      backlog: row.Backlog === 1,
      parkedTopics: JSON.parse(row.ParkedTopics) as string[],
    },
  };
}

/** A definition as the columns hold it. */
export function definitionValues(definition: TenantDefinition, databaseKey: string) {
  const { auth } = definition;
  return {
    id: definition.id,
    server: definition.server,
    database: definition.database,
    databaseKey,
    // Field by field: whatever else the object carries must not end up in the registry.
    auth: JSON.stringify(
      auth.kind === 'setting' ? { kind: auth.kind, name: auth.name } : { kind: auth.kind },
    ),
    schema: definition.schema,
    priority: definition.priority,
    weight: definition.weight,
    slaSeconds: definition.slaSeconds,
    tags: JSON.stringify(definition.tags),
    overrides: JSON.stringify(definition.overrides),
  };
}
