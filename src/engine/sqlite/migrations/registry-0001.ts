import { leasesTable } from './leases-table.ts';
import type { Migration } from './migration.ts';

/**
 * A tenant's row has its definition and its schedule. PlanVersion rises with every plan that chose the tenant, so
 * that two planners never both get it (F3). WakePending: 1 if the tenant was woken since it was last planned (F7).
 * Version comes from one counter for all tenants, so that a reader can ask for the changes since a version (F2).
 */
export const registry0001: Migration = {
  version: 1,
  name: 'tenants, plan and leases',
  sql: `
CREATE TABLE Tenants (
  Id TEXT NOT NULL PRIMARY KEY,
  Server TEXT NOT NULL,
  DatabaseName TEXT NOT NULL,
  DatabaseKey TEXT NOT NULL,
  Auth TEXT NOT NULL CHECK (json_valid(Auth)),
  SchemaName TEXT NOT NULL,
  Priority REAL NOT NULL,
  Weight REAL NOT NULL,
  SlaSeconds REAL,
  Tags TEXT NOT NULL CHECK (json_valid(Tags)),
  Overrides TEXT NOT NULL CHECK (json_valid(Overrides)),
  Status TEXT NOT NULL CHECK (Status IN ('active', 'paused', 'retired')),
  Version INTEGER NOT NULL,
  AddedUtc INTEGER NOT NULL,
  SchemaVersion INTEGER,
  NextDueUtc INTEGER,
  WakePending INTEGER NOT NULL DEFAULT 0,
  PlanVersion INTEGER NOT NULL DEFAULT 0,
  LastPlannedUtc INTEGER,
  LastRunUtc INTEGER,
  LastOutcome TEXT,
  LastDurationMs REAL,
  LastCounts TEXT,
  TotalDone INTEGER NOT NULL DEFAULT 0,
  TotalRetried INTEGER NOT NULL DEFAULT 0,
  TotalDead INTEGER NOT NULL DEFAULT 0,
  TotalReleased INTEGER NOT NULL DEFAULT 0,
  TotalParked INTEGER NOT NULL DEFAULT 0,
  TotalLost INTEGER NOT NULL DEFAULT 0,
  TotalRecovered INTEGER NOT NULL DEFAULT 0,
  IdleStreak INTEGER NOT NULL DEFAULT 0,
  FailureStreak INTEGER NOT NULL DEFAULT 0,
  LastError TEXT,
  LastErrorCode TEXT,
  LastErrorUtc INTEGER,
  Backlog INTEGER NOT NULL DEFAULT 0,
  ParkedTopics TEXT NOT NULL DEFAULT '[]'
) STRICT;

CREATE UNIQUE INDEX Tenants_DatabaseKey ON Tenants (DatabaseKey) WHERE Status <> 'retired';
CREATE UNIQUE INDEX Tenants_Version ON Tenants (Version);
CREATE INDEX Tenants_Due ON Tenants (NextDueUtc, Id) WHERE Status = 'active' AND NextDueUtc IS NOT NULL;

CREATE TABLE RegistryState (
  Id INTEGER PRIMARY KEY CHECK (Id = 1),
  TenantVersion INTEGER NOT NULL DEFAULT 0,
  LastPlanUtc INTEGER,
  LastPlanDue INTEGER NOT NULL DEFAULT 0,
  LastPlanChosen INTEGER NOT NULL DEFAULT 0,
  PlanOpen INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO RegistryState (Id) VALUES (1);
${leasesTable}`,
};
