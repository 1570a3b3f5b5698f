/** The lease table, the same in tenant databases and the registry (L1). Times are milliseconds since 1970, UTC. */
export const leasesTable = `
CREATE TABLE Leases (
  Name TEXT NOT NULL PRIMARY KEY,
  Owner TEXT,
  Fence INTEGER NOT NULL,
  AcquiredUtc INTEGER,
  RenewedUtc INTEGER,
  ExpiresUtc INTEGER,
  Context TEXT
) STRICT, WITHOUT ROWID;
`;
