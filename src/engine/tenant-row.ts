/**
 * A row of a registry's Tenants table, whose columns have the same names in every engine. Drivers return times, large
 * numbers and flags in different types, so each engine provides readers for them.
 */
import type {
  RunCounts,
  RunOutcome,
  TenantAuth,
  TenantOverrides,
  TenantRecord,
  TenantStatus,
} from './registry.ts';

/** Sums of run counts, of one tenant or of many. */
export interface TotalsRow<Big> {
  readonly TotalDone: Big;
  readonly TotalRetried: Big;
  readonly TotalDead: Big;
  readonly TotalReleased: Big;
  readonly TotalParked: Big;
  readonly TotalLost: Big;
  readonly TotalRecovered: Big;
}

export interface TenantRow<Time, Big, Flag> extends TotalsRow<Big> {
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
  readonly Version: Big;
  readonly AddedUtc: Time;
  readonly SchemaVersion: number | null;
  readonly NextDueUtc: Time | null;
  readonly LastPlannedUtc: Time | null;
  readonly LastRunUtc: Time | null;
  readonly LastOutcome: RunOutcome | null;
  readonly LastDurationMs: number | null;
  readonly LastCounts: string | null;
  readonly IdleStreak: number;
  readonly FailureStreak: number;
  readonly LastError: string | null;
  readonly LastErrorCode: string | null;
  readonly LastErrorUtc: Time | null;
  readonly Backlog: Flag;
  readonly ParkedTopics: string;
}

export interface ColumnReaders<Time, Big, Flag> {
  time(value: Time): Date;
  number(value: Big): number;
  flag(value: Flag): boolean;
}

export function totalsOf<Big>(row: TotalsRow<Big>, number: (value: Big) => number): RunCounts {
  return {
    done: number(row.TotalDone),
    retried: number(row.TotalRetried),
    dead: number(row.TotalDead),
    released: number(row.TotalReleased),
    parked: number(row.TotalParked),
    lost: number(row.TotalLost),
    recovered: number(row.TotalRecovered),
  };
}

/** A report, given or stored, may lack a count. The missing count becomes 0, so that the report is not lost (D7). */
export function completeCounts(counts: Partial<Record<keyof RunCounts, number | null>>): RunCounts {
  return {
    done: counts.done ?? 0,
    retried: counts.retried ?? 0,
    dead: counts.dead ?? 0,
    released: counts.released ?? 0,
    parked: counts.parked ?? 0,
    lost: counts.lost ?? 0,
    recovered: counts.recovered ?? 0,
  };
}

export function tenantRecordOf<Time, Big, Flag>(
  row: TenantRow<Time, Big, Flag>,
  { time, number, flag }: ColumnReaders<Time, Big, Flag>,
): TenantRecord {
  const timeOrNull = (value: Time | null) => (value === null ? null : time(value));
  const counts = row.LastCounts === null ? null : completeCounts(JSON.parse(row.LastCounts));
  // Frozen, because every caller in this process shares the record.
  return Object.freeze<TenantRecord>({
    id: row.Id,
    server: row.Server,
    database: row.DatabaseName,
    auth: Object.freeze(JSON.parse(row.Auth) as TenantAuth),
    schema: row.SchemaName,
    priority: row.Priority,
    weight: row.Weight,
    slaSeconds: row.SlaSeconds,
    tags: Object.freeze(JSON.parse(row.Tags) as Record<string, string>),
    overrides: Object.freeze(JSON.parse(row.Overrides) as TenantOverrides),
    status: row.Status,
    version: number(row.Version),
    addedUtc: time(row.AddedUtc),
    schemaVersion: row.SchemaVersion,
    schedule: Object.freeze({
      nextDueUtc: timeOrNull(row.NextDueUtc),
      lastPlannedUtc: timeOrNull(row.LastPlannedUtc),
      lastRunUtc: timeOrNull(row.LastRunUtc),
      lastOutcome: row.LastOutcome,
      lastDurationMs: row.LastDurationMs,
      lastCounts: counts === null ? null : Object.freeze(counts),
      totals: Object.freeze(totalsOf(row, number)),
      idleStreak: row.IdleStreak,
      failureStreak: row.FailureStreak,
      lastError: row.LastError,
      lastErrorCode: row.LastErrorCode,
      lastErrorUtc: timeOrNull(row.LastErrorUtc),
      backlog: flag(row.Backlog),
      parkedTopics: Object.freeze(JSON.parse(row.ParkedTopics) as string[]),
    }),
  });
}

/**
 * The login in its stored form. It copies field by field, so that no other property of the object gets into the
 * registry.
 */
export function storedAuth(auth: TenantAuth): string {
  return JSON.stringify(auth.kind === 'setting' ? { kind: auth.kind, name: auth.name } : { kind: auth.kind });
}
