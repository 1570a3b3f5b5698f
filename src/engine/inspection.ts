/** The parts of an inspection that all engines share. */
import type { SchemaControl, SchemaFinding, SchemaInspection } from './schema.ts';

/**
 * The finding about a schema's version; null when the version is this program's. The message says whether
 * dispatch runs can use the version.
 */
export function versionFinding(
  version: number,
  { latest, oldestUsable }: Pick<SchemaControl, 'latest' | 'oldestUsable'>,
): SchemaFinding | null {
  const finding = (message: string): SchemaFinding => ({ severity: 'problem', kind: 'version', message });
  if (version === latest) return null;
  if (version === 0) return finding(`the database has no multi-outbox schema; run 'migrate'`);
  if (version > latest) {
    return finding(
      `the schema is at version ${version}, but this program knows only ${latest}; runs work with it, but 'migrate' does not, so update the program`,
    );
  }
  const brings = `the schema is at version ${version}, but this program's is at ${latest}`;
  return version < oldestUsable
    ? finding(`${brings}, and its runs need ${oldestUsable} or later; run 'migrate'`)
    : finding(`${brings}; runs work with the older version, but run 'migrate' soon`);
}

/** @param startedAt this program's time when it asked the database, milliseconds since 1970 */
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
