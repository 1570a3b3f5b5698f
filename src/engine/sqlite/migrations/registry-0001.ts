import { flowColumns, gaugeColumns, longestColumns } from '../../history-rows.ts';
import { spanOfTimesMs } from '../time.ts';
import { isCount, isFlag, isTime } from './checks.ts';
import { leasesTable } from './leases-table.ts';
import type { Migration } from './migration.ts';

/**
 * A tenant's row has its definition and its schedule. PlanVersion rises with every plan that chose the tenant, so
 * that two planners never both get it (F3). WakePending: 1 if the tenant was woken since it was last chosen (F7).
 * InFlight: 1 if no run has reported since a plan or a wake chose the tenant; until its due time it is in flight (F7).
 * PausedByOperator: 1 while an operator's pause lasts, also while the tenant is retired (F2).
 * Version comes from one counter for all tenants, so that a reader can ask for the changes since a version (F2).
 * Poisoned: how many queue messages were given up (F6). DrawInMs: the milliseconds by which plans still have to make due times earlier, because the clock was set back (Q16), and
 * DrawInAfter: the last tenant whose times were; null when no tenant is left.
 * PlanRanges: what each of several planners did last; a row for each range of tenants, of as many Ranges as there are planners.
 * OutboxState and InboxState: the counts of the queue, by the last run that served it to its end, at OutboxStateUtc and
 * InboxStateUtc (S2). LongestWaitMs: the longest time from a message's due time to the start of its handler, in the last run
 * that started one, which reported at LongestWaitUtc (S2). FailingTopics: the topics that fail now (S1). LastReports: the ids of
 * the last reports, the newest first, each with a + if the report chose the tenant, otherwise a -. LastPoisoned: the ids of the
 * last queue messages that were given up.
 * TenantHistory and FleetHistory: see src/engine/history.ts. DeadNow: messages that were Dead in the minute; Dead: those that died.
 * Audit: what operators did; rows are added, and completed once. Operations: acts over many tenants with their progress; Runner is
 * the process that took the operation last. OperationTargets: the ids of an operation's tenants, of which there may be
 * many; apart, because SQLite writes a whole row when a part of it changes, as each progress does (S3).
 * DatabaseKey is the canonical path of the tenant's file, FileId what identifies the file whatever its path (F1); null
 * while no file is known.
 */
/** Without a CHECK: there are many of these columns, every report writes them, and reading accepts every number. */
const added = (column: string) => `${column} INTEGER NOT NULL DEFAULT 0`;
const total = (column: string) => `${column} INTEGER NOT NULL DEFAULT 0 ${isCount(column)}`;

export const registry0001: Migration = {
  version: 1,
  name: 'tenants, plan and leases',
  sql: `
CREATE TABLE Tenants (
  Id TEXT NOT NULL PRIMARY KEY,
  Server TEXT NOT NULL,
  DatabaseName TEXT NOT NULL,
  DatabaseKey TEXT NOT NULL,
  FileId TEXT,
  Auth TEXT NOT NULL CHECK (json_valid(Auth)),
  SchemaName TEXT NOT NULL,
  Priority REAL NOT NULL,
  Weight REAL NOT NULL,
  SlaSeconds REAL,
  Tags TEXT NOT NULL CHECK (json_valid(Tags)),
  Overrides TEXT NOT NULL CHECK (json_valid(Overrides)),
  Status TEXT NOT NULL CHECK (Status IN ('active', 'paused', 'retired')),
  PausedByOperator INTEGER NOT NULL DEFAULT 0 ${isFlag('PausedByOperator')},
  Version INTEGER NOT NULL ${isCount('Version')},
  DatabaseVersion INTEGER NOT NULL ${isCount('DatabaseVersion')} CHECK (DatabaseVersion <= Version),
  AddedUtc INTEGER NOT NULL ${isTime('AddedUtc')},
  SchemaVersion INTEGER ${isCount('SchemaVersion')},
  NextDueUtc INTEGER ${isTime('NextDueUtc')},
  WakePending INTEGER NOT NULL DEFAULT 0 ${isFlag('WakePending')},
  InFlight INTEGER NOT NULL DEFAULT 0 ${isFlag('InFlight')},
  PlanVersion INTEGER NOT NULL DEFAULT 0 ${isCount('PlanVersion')},
  LastPlannedUtc INTEGER ${isTime('LastPlannedUtc')},
  LastRunUtc INTEGER ${isTime('LastRunUtc')},
  LastOutcome TEXT,
  LastDurationMs REAL,
  LastCounts TEXT CHECK (json_valid(LastCounts)),
  ${total('TotalDone')},
  ${total('TotalRetried')},
  ${total('TotalDead')},
  ${total('TotalReleased')},
  ${total('TotalParked')},
  ${total('TotalLost')},
  ${total('TotalRecovered')},
  ${total('IdleStreak')},
  ${total('FailureStreak')},
  LastError TEXT,
  LastErrorCode TEXT,
  LastErrorUtc INTEGER ${isTime('LastErrorUtc')},
  Backlog INTEGER NOT NULL DEFAULT 0 ${isFlag('Backlog')},
  OutboxState TEXT CHECK (json_valid(OutboxState)),
  OutboxStateUtc INTEGER ${isTime('OutboxStateUtc')},
  InboxState TEXT CHECK (json_valid(InboxState)),
  InboxStateUtc INTEGER ${isTime('InboxStateUtc')},
  LongestWaitMs INTEGER ${isCount('LongestWaitMs')},
  LongestWaitUtc INTEGER ${isTime('LongestWaitUtc')},
  FailingTopics TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(FailingTopics)),
  LastReports TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE UNIQUE INDEX Tenants_DatabaseKey ON Tenants (DatabaseKey) WHERE Status <> 'retired';
CREATE INDEX Tenants_FileId ON Tenants (FileId) WHERE Status <> 'retired' AND FileId IS NOT NULL;
CREATE UNIQUE INDEX Tenants_Version ON Tenants (Version);
CREATE INDEX Tenants_Due ON Tenants (NextDueUtc, Id) WHERE Status = 'active' AND NextDueUtc IS NOT NULL;

CREATE TABLE RegistryState (
  Id INTEGER PRIMARY KEY CHECK (Id = 1),
  ${total('TenantVersion')},
  LastPlanUtc INTEGER ${isTime('LastPlanUtc')},
  ${total('LastPlanDue')},
  ${total('LastPlanChosen')},
  PlanOpen INTEGER NOT NULL DEFAULT 0 ${isFlag('PlanOpen')},
  DrawInMs INTEGER CHECK (DrawInMs BETWEEN 0 AND ${spanOfTimesMs}),
  DrawInAfter TEXT,
  ${total('Poisoned')},
  LastPoisonedUtc INTEGER ${isTime('LastPoisonedUtc')},
  LastPoisoned TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO RegistryState (Id) VALUES (1);

CREATE TABLE PlanRanges (
  Range INTEGER PRIMARY KEY,
  Ranges INTEGER NOT NULL,
  LastPlanUtc INTEGER NOT NULL ${isTime('LastPlanUtc')},
  ${total('LastPlanDue')},
  ${total('LastPlanChosen')},
  PlanOpen INTEGER NOT NULL DEFAULT 0 ${isFlag('PlanOpen')}
) STRICT;

CREATE TABLE TenantHistory (
  HourUtc INTEGER NOT NULL ${isTime('HourUtc')},
  TenantId TEXT NOT NULL,
  ${[...flowColumns, ...longestColumns].map(added).join(',\n  ')},
  PRIMARY KEY (HourUtc, TenantId)
) STRICT, WITHOUT ROWID;

CREATE TABLE FleetHistory (
  MinuteUtc INTEGER PRIMARY KEY ${isTime('MinuteUtc')},
  ${flowColumns.map(added).join(',\n  ')},
  ${Object.values(gaugeColumns)
    .map((column) => `${column} INTEGER`)
    .join(',\n  ')}
) STRICT;

CREATE TABLE Audit (
  Id INTEGER PRIMARY KEY AUTOINCREMENT,
  StartedUtc INTEGER NOT NULL ${isTime('StartedUtc')},
  EndedUtc INTEGER ${isTime('EndedUtc')},
  Actor TEXT NOT NULL,
  Act TEXT NOT NULL,
  TenantId TEXT,
  Queue TEXT,
  Selection TEXT NOT NULL CHECK (json_valid(Selection)),
  OperationId TEXT,
  Affected INTEGER ${isCount('Affected')},
  Error TEXT
) STRICT;

CREATE TABLE Operations (
  Number INTEGER PRIMARY KEY AUTOINCREMENT,
  Id TEXT NOT NULL UNIQUE,
  Actor TEXT NOT NULL,
  Definition TEXT NOT NULL CHECK (json_valid(Definition)),
  Counted INTEGER NOT NULL ${isCount('Counted')},
  State TEXT NOT NULL CHECK (State IN ('counted', 'running', 'done', 'cancelled')),
  Runner TEXT,
  CreatedUtc INTEGER NOT NULL ${isTime('CreatedUtc')},
  UpdatedUtc INTEGER NOT NULL ${isTime('UpdatedUtc')},
  Progress TEXT NOT NULL CHECK (json_valid(Progress)),
  Failures TEXT NOT NULL CHECK (json_valid(Failures))
) STRICT;

CREATE TABLE OperationTargets (
  Id TEXT NOT NULL PRIMARY KEY,
  Targets TEXT NOT NULL CHECK (json_valid(Targets))
) STRICT;
${leasesTable}`,
};
