/**
 * A row of a registry's Tenants table, whose columns have the same names in every engine. Drivers return times, large
 * numbers and flags in different types, so each engine provides readers for them.
 */
import { failingTopicsOf } from './failing-topics.ts';
import type { FleetSummary } from './fleet-summary.ts';
import type { RunCounts, TenantAuth, TenantOverrides, TenantRecord } from './registry.ts';
import { queueStateOf } from './stored-counts.ts';
import { parsedObject, UnreadableValue } from './stored-values.ts';
import type { RunOutcome } from './tenant-report.ts';
import type { TenantStatus } from './tenant-status.ts';

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

/** The active tenants by failure streak. */
export interface FailuresRow {
  readonly FailingOnce: number;
  readonly FailingTwice: number;
  readonly FailingFive: number;
  readonly FailingTen: number;
  readonly LongestStreak: number;
}

export function failures(
  row: FailuresRow,
): Pick<FleetSummary, 'failing' | 'failingByStreak' | 'longestFailureStreak'> {
  const { FailingOnce, FailingTwice, FailingFive, FailingTen, LongestStreak } = row;
  return {
    failing: FailingOnce + FailingTwice + FailingFive + FailingTen,
    failingByStreak: { '1': FailingOnce, '2-4': FailingTwice, '5-9': FailingFive, '10+': FailingTen },
    longestFailureStreak: LongestStreak,
  };
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
  readonly PausedByOperator: Flag;
  readonly Version: Big;
  readonly AddedUtc: Time;
  readonly SchemaVersion: Big | null;
  readonly NextDueUtc: Time | null;
  readonly LastPlannedUtc: Time | null;
  readonly LastRunUtc: Time | null;
  readonly LastOutcome: RunOutcome | null;
  readonly LastDurationMs: number | null;
  readonly LastCounts: string | null;
  readonly IdleStreak: Big;
  readonly FailureStreak: Big;
  readonly LastError: string | null;
  readonly LastErrorCode: string | null;
  readonly LastErrorUtc: Time | null;
  readonly Backlog: Flag;
  readonly OutboxState: string | null;
  readonly OutboxStateUtc: Time | null;
  readonly InboxState: string | null;
  readonly InboxStateUtc: Time | null;
  readonly LongestWaitMs: Big | null;
  readonly LongestWaitUtc: Time | null;
  readonly FailingTopics: string;
}

/** Each throws UnreadableValue when the value is not of its kind. */
export interface ColumnReaders<Time, Big, Flag> {
  time(column: string, value: Time): Date;
  number(column: string, value: Big): number;
  flag(value: Flag): boolean;
}

export function totalsOf<Big>(
  row: TotalsRow<Big>,
  number: (column: keyof TotalsRow<Big>, value: Big) => number,
): RunCounts {
  const total = (column: keyof TotalsRow<Big>) => number(column, row[column]);
  return {
    done: total('TotalDone'),
    retried: total('TotalRetried'),
    dead: total('TotalDead'),
    released: total('TotalReleased'),
    parked: total('TotalParked'),
    lost: total('TotalLost'),
    recovered: total('TotalRecovered'),
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

/** Reads a row; a column that cannot be read does not keep the others, and other rows, from being read (Q15). */
export function tenantRecordOf<Time, Big, Flag>(
  row: TenantRow<Time, Big, Flag>,
  { time, number, flag }: ColumnReaders<Time, Big, Flag>,
): TenantRecord {
  const unreadable = { definition: [] as string[], schedule: [] as string[] };
  type Column = keyof TenantRow<Time, Big, Flag>;
  const reading =
    (part: keyof typeof unreadable) =>
    <T>(column: Column, read: () => T, otherwise: T): T => {
      try {
        return read();
      } catch (error) {
        if (!(error instanceof UnreadableValue)) throw error;
        unreadable[part].push(column);
        return otherwise;
      }
    };
  const definition = reading('definition');
  const schedule = reading('schedule');
  const timeOf = (column: Column, value: Time | null) =>
    schedule(column, () => (value === null ? null : time(column, value)), null);
  const numberOf = (column: Column, value: Big) => schedule(column, () => number(column, value), 0);
  const { SchemaVersion, LongestWaitMs, LastCounts } = row;
  const stateOf = (column: 'OutboxState' | 'InboxState', stored: string | null, utc: Time | null) => {
    const asOfUtc = timeOf(`${column}Utc`, utc);
    if (stored === null || asOfUtc === null) return undefined;
    return schedule(column, () => Object.freeze(queueStateOf(column, stored, asOfUtc)), undefined);
  };
  const outbox = stateOf('OutboxState', row.OutboxState, row.OutboxStateUtc);
  const inbox = stateOf('InboxState', row.InboxState, row.InboxStateUtc);
  const queues = Object.freeze({ ...(outbox && { outbox }), ...(inbox && { inbox }) });
  const record: TenantRecord = {
    id: row.Id,
    server: row.Server,
    database: row.DatabaseName,
    auth: Object.freeze(definition('Auth', () => authOf(row.Auth), { kind: 'managed-identity' })),
    schema: row.SchemaName,
    priority: row.Priority,
    weight: row.Weight,
    slaSeconds: row.SlaSeconds,
    tags: Object.freeze(definition('Tags', () => tagsOf(row.Tags), {})),
    overrides: Object.freeze(definition('Overrides', () => overridesOf(row.Overrides), {})),
    status: row.Status,
    pausedByOperator: flag(row.PausedByOperator),
    version: definition('Version', () => number('Version', row.Version), 0),
    addedUtc: schedule('AddedUtc', () => time('AddedUtc', row.AddedUtc), new Date(0)),
    schemaVersion: SchemaVersion === null ? null : numberOf('SchemaVersion', SchemaVersion),
    schedule: Object.freeze({
      nextDueUtc: timeOf('NextDueUtc', row.NextDueUtc),
      lastPlannedUtc: timeOf('LastPlannedUtc', row.LastPlannedUtc),
      lastRunUtc: timeOf('LastRunUtc', row.LastRunUtc),
      lastOutcome: row.LastOutcome,
      lastDurationMs: row.LastDurationMs,
      lastCounts:
        LastCounts === null ? null : schedule('LastCounts', () => Object.freeze(countsOf(LastCounts)), null),
      totals: Object.freeze(totalsOf(row, numberOf)),
      longestWaitMs: LongestWaitMs === null ? null : numberOf('LongestWaitMs', LongestWaitMs),
      longestWaitUtc: timeOf('LongestWaitUtc', row.LongestWaitUtc),
      idleStreak: numberOf('IdleStreak', row.IdleStreak),
      failureStreak: numberOf('FailureStreak', row.FailureStreak),
      lastError: row.LastError,
      lastErrorCode: row.LastErrorCode,
      lastErrorUtc: timeOf('LastErrorUtc', row.LastErrorUtc),
      backlog: flag(row.Backlog),
      failingTopics: Object.freeze(schedule('FailingTopics', () => failingTopicsOf(row.FailingTopics), [])),
      queues,
      parkedTopics: Object.freeze([
        ...new Set(Object.values(queues).flatMap(({ parked }) => parked.map(({ topic }) => topic))),
      ]),
    }),
  };
  const isReadable = unreadable.definition.length + unreadable.schedule.length === 0;
  // Frozen, because every caller in this process shares the record.
  return Object.freeze(isReadable ? record : { ...record, unreadable });
}

function refuse(column: string, what: string): never {
  throw new UnreadableValue(`${column} is not ${what}`);
}

const isText = (value: unknown) => typeof value === 'string';

function authOf(stored: string): TenantAuth {
  const { kind, name } = parsedObject('Auth', stored);
  if (kind === 'managed-identity') return { kind };
  return kind === 'setting' && typeof name === 'string' ? { kind, name } : refuse('Auth', 'a login');
}

function tagsOf(stored: string): Record<string, string> {
  const tags = parsedObject('Tags', stored);
  return Object.values(tags).every(isText) ? (tags as Record<string, string>) : refuse('Tags', 'texts');
}

function overridesOf(stored: string): TenantOverrides {
  const overrides = parsedObject('Overrides', stored);
  const { batchSize, concurrency, idleCeilingMs } = overrides;
  const isPositive = (value: unknown) => value === undefined || (Number.isFinite(value) && Number(value) > 0);
  const isWhole = (value: unknown) =>
    isPositive(value) && (value === undefined || Number.isSafeInteger(value));
  const isCeiling = idleCeilingMs === 'never' || isPositive(idleCeilingMs);
  return isWhole(batchSize) && isWhole(concurrency) && isCeiling
    ? (overrides as TenantOverrides)
    : refuse('Overrides', 'an object of known settings');
}

function countsOf(stored: string): RunCounts {
  const counts = parsedObject('LastCounts', stored);
  const isCount = (value: unknown) => value === null || Number.isSafeInteger(value);
  return Object.values(counts).every(isCount) ? completeCounts(counts) : refuse('LastCounts', 'counts');
}

/**
 * The login in its stored form. It copies field by field, so that no other property of the object gets into the
 * registry.
 */
export function storedAuth(auth: TenantAuth): string {
  return JSON.stringify(auth.kind === 'setting' ? { kind: auth.kind, name: auth.name } : { kind: auth.kind });
}
