/** The properties that a server and a database must have before a script can run. */
import type * as mssql from 'mssql';

export interface ServerFacts {
  readonly babelfish: boolean;
  /** `SERVERPROPERTY('EngineEdition')`: 2 to 4 for SQL Server itself, other numbers for Azure's services. */
  readonly edition: number;
  /** 15 for SQL Server 2019. Azure's services show a number that does not follow their features. */
  readonly majorVersion: number;
  readonly compatibilityLevel: number;
}

/** SQL Server 2016's level, the first with OPENJSON. */
const leastLevel = 130;
/** SQL Server 2019, the first with OPTIMIZE_FOR_SEQUENTIAL_KEY. */
const leastVersion = 15;

/** The columns of a query on sys.databases from which `factsOf` reads. */
export const factColumns = `SERVERPROPERTY('Babelfish') AS Babelfish, SERVERPROPERTY('EngineEdition') AS Edition,
      SERVERPROPERTY('ProductMajorVersion') AS MajorVersion, d.compatibility_level AS Level`;

export function factsOf(row: Readonly<Record<string, unknown>>): ServerFacts {
  return {
    babelfish: Number(row.Babelfish ?? 0) === 1,
    edition: Number(row.Edition),
    majorVersion: Number(row.MajorVersion),
    compatibilityLevel: Number(row.Level),
  };
}

export async function readServerFacts(request: mssql.Request): Promise<ServerFacts> {
  const { recordset } = await request.query(
    `SELECT ${factColumns} FROM sys.databases d WHERE d.name = DB_NAME()`,
  );
  return factsOf(recordset[0]!);
}

/** Says on one line what is missing and what to do; null when nothing is missing. Babelfish shows fixed numbers. */
export function unmetRequirement(facts: ServerFacts): string | null {
  const { babelfish, edition, majorVersion, compatibilityLevel } = facts;
  if (babelfish) return null;
  if (edition >= 2 && edition <= 4 && majorVersion < leastVersion) {
    return `the server is SQL Server version ${majorVersion}, but multi-outbox needs version ${leastVersion} (SQL Server 2019) or later; upgrade the server`;
  }
  if (compatibilityLevel < leastLevel) {
    return `the database's compatibility level is ${compatibilityLevel}, but the procedures need ${leastLevel} or higher (OPENJSON); run ALTER DATABASE CURRENT SET COMPATIBILITY_LEVEL = 150`;
  }
  return null;
}
