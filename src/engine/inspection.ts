/** What all engines' inspections have in common. */
import type { SchemaFinding, SchemaInspection } from './schema.ts';

/** What the version itself says; null when it is this program's. */
export function versionFinding(version: number, latest: number): SchemaFinding | null {
  const finding = (message: string): SchemaFinding => ({ severity: 'problem', kind: 'version', message });
  if (version === latest) return null;
  if (version === 0) return finding(`there is no schema; run 'migrate'`);
  return version < latest
    ? finding(`the schema is at version ${version}, this program brings ${latest}; run 'migrate'`)
    : finding(`the schema is at version ${version}, this program knows ${latest}; update the program`);
}

/** @param startedAt this program's time when the database was asked, milliseconds since 1970 */
export function clockDifference(
  databaseUtc: number,
  startedAt: number,
  answeredAt: number,
): Pick<SchemaInspection, 'clockAheadMs' | 'clockErrorMs'> {
  return {
    clockAheadMs: Math.round(databaseUtc - (startedAt + answeredAt) / 2),
    clockErrorMs: Math.ceil((answeredAt - startedAt) / 2),
  };
}
