import { isCount, isTime } from './checks.ts';

/**
 * The lease table, the same in tenant databases and the registry (L1). Times are milliseconds since 1970, UTC.
 * AcquisitionId: a UUID made at each acquisition, which a release keeps. It tells a run of this database from a run of
 * the same fence before a restore (Q8). CallId: of the last call of a run, by which its next call knows whether the database
 * was restored meanwhile; src/engine/sqlite/queue/run-calls.ts.
 */
export const leasesTable = `
CREATE TABLE Leases (
  Name TEXT NOT NULL PRIMARY KEY,
  Owner TEXT,
  Fence INTEGER NOT NULL ${isCount('Fence')},
  AcquisitionId TEXT,
  AcquiredUtc INTEGER ${isTime('AcquiredUtc')},
  RenewedUtc INTEGER ${isTime('RenewedUtc')},
  ExpiresUtc INTEGER ${isTime('ExpiresUtc')},
  Context TEXT,
  CallId INTEGER
) STRICT, WITHOUT ROWID;
`;
