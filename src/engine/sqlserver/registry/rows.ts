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
import { longText, type Parameters, type Row, real, text } from '../database.ts';

/** bigint columns come as text. */
interface TenantRow {
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
  readonly Version: string;
  readonly AddedUtc: Date;
  readonly SchemaVersion: number | null;
  readonly NextDueUtc: Date | null;
  readonly LastPlannedUtc: Date | null;
  readonly LastRunUtc: Date | null;
  readonly LastOutcome: RunOutcome | null;
  readonly LastDurationMs: number | null;
  readonly LastCounts: string | null;
  readonly IdleStreak: number;
  readonly FailureStreak: number;
  readonly LastError: string | null;
  readonly LastErrorCode: string | null;
  readonly LastErrorUtc: Date | null;
  readonly Backlog: boolean;
  readonly ParkedTopics: string;
}

/** The sums of run counts in a row, of one tenant or of many. */
export function totals(row: Row): RunCounts {
  return {
    done: Number(row.TotalDone),
    retried: Number(row.TotalRetried),
    dead: Number(row.TotalDead),
    released: Number(row.TotalReleased),
    parked: Number(row.TotalParked),
    lost: Number(row.TotalLost),
    recovered: Number(row.TotalRecovered),
  };
}

export function tenantRecord(raw: Row): TenantRecord {
  const row = raw as unknown as TenantRow;
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
    version: Number(row.Version),
    addedUtc: row.AddedUtc,
    schemaVersion: row.SchemaVersion,
    schedule: {
      nextDueUtc: row.NextDueUtc,
      lastPlannedUtc: row.LastPlannedUtc,
      lastRunUtc: row.LastRunUtc,
      lastOutcome: row.LastOutcome,
      lastDurationMs: row.LastDurationMs,
      lastCounts: row.LastCounts === null ? null : (JSON.parse(row.LastCounts) as RunCounts),
      totals: totals(raw),
      idleStreak: row.IdleStreak,
      failureStreak: row.FailureStreak,
      lastError: row.LastError,
      lastErrorCode: row.LastErrorCode,
      lastErrorUtc: row.LastErrorUtc,
      backlog: row.Backlog,
      parkedTopics: JSON.parse(row.ParkedTopics) as string[],
    },
  };
}

/** A definition as the procedures take it. */
export function definitionParameters(definition: TenantDefinition, databaseKey: string): Parameters {
  const { auth } = definition;
  // Field by field: whatever else the object carries must not end up in the registry.
  const kept = auth.kind === 'setting' ? { kind: auth.kind, name: auth.name } : { kind: auth.kind };
  return {
    Id: [text, definition.id],
    Server: [text, definition.server],
    DatabaseName: [text, definition.database],
    DatabaseKey: [text, databaseKey],
    Auth: [text, JSON.stringify(kept)],
    SchemaName: [text, definition.schema],
    Priority: [real, definition.priority],
    Weight: [real, definition.weight],
    SlaSeconds: [real, definition.slaSeconds],
    Tags: [longText, JSON.stringify(definition.tags)],
    Overrides: [longText, JSON.stringify(definition.overrides)],
  };
}
