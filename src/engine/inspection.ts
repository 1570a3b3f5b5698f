/** What all engines' inspections have in common. */
import type { SchemaControl, SchemaFinding, SchemaInspection } from './schema.ts';

/** What the version itself says; null when it is this program's. Where runs work all the same, it says so. */
export function versionFinding(
  version: number,
  { latest, oldestUsable }: Pick<SchemaControl, 'latest' | 'oldestUsable'>,
): SchemaFinding | null {
  const finding = (message: string): SchemaFinding => ({ severity: 'problem', kind: 'version', message });
  if (version === latest) return null;
  if (version === 0) return finding(`there is no schema; run 'migrate'`);
  if (version > latest) {
    return finding(
      `the schema is at version ${version}, this program knows ${latest}; update the program: it works with the database, and cannot migrate it`,
    );
  }
  const brings = `the schema is at version ${version}, this program brings ${latest}`;
  return version < oldestUsable
    ? finding(`${brings} and works with ${oldestUsable} and later; run 'migrate'`)
    : finding(`${brings}; run 'migrate': until then it works with the older one`);
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
