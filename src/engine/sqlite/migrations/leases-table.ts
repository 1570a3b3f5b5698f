/**
 * The lease table, the same in tenant databases and the registry (L1). Times are milliseconds since 1970, UTC.
 * AcquisitionId: a UUID made at each acquisition, which a release keeps. It tells a run of this database from a run of
 * the same fence before a restore (Q8).
 */
export const leasesTable = `
CREATE TABLE Leases (
  Name TEXT NOT NULL PRIMARY KEY,
  Owner TEXT,
  Fence INTEGER NOT NULL,
  AcquisitionId TEXT,
  AcquiredUtc INTEGER,
  RenewedUtc INTEGER,
  ExpiresUtc INTEGER,
  Context TEXT
) STRICT, WITHOUT ROWID;
`;
