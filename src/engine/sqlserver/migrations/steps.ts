/**
 * The numbered migrations: sql/registry/0001-name.sql, … and sql/tenant/0001-name.sql, …, read from the files
 * beside the program. A released step never changes, nor do the files that it includes: every database to which it was
 * applied keeps its checksum.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MultiOutboxError } from '../../../errors.ts';
import type { MigrationStep } from '../../schema.ts';
import { expandScript } from './script.ts';

export type DatabaseKind = 'registry' | 'tenant';

export interface Migration extends MigrationStep {
  /** The step with everything it includes; `$(Schema)` is still in it. */
  readonly text: string;
  /** SHA-256 of `text`, in hex. */
  readonly checksum: string;
  /** The step's file, relative to the folder sql/. */
  readonly script: string;
}

/**
 * The oldest schema version with which dispatch runs work: that of the first release (engine/schema.ts states the
 * rule). No call checks the version in advance; a missing procedure shows that the schema is older.
 */
export const oldestUsable: Readonly<Record<DatabaseKind, number>> = { registry: 3, tenant: 3 };

const stepFile = /^(\d{4})-([a-z0-9-]+)\.sql$/;

/** Finds this program's folder sql/, from the folder of this module, or of its bundle, upwards. */
export function sqlFolder(from: string = import.meta.dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'sql');
    if (existsSync(join(candidate, 'tenant')) && existsSync(join(candidate, 'registry'))) return candidate;
    if (dirname(folder) === folder) break;
  }
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    'the folder sql/ with the migrations of SQL Server databases is missing; deploy it beside the program',
  );
}

const loaded = new Map<string, readonly Migration[]>();

/** The steps of a kind of database, in order. @throws INVALID_CONFIGURATION when files are missing or misnumbered */
export function migrationsOf(kind: DatabaseKind, folder: string = sqlFolder()): readonly Migration[] {
  const key = join(folder, kind);
  let migrations = loaded.get(key);
  if (migrations === undefined) {
    migrations = readSteps(kind, folder);
    loaded.set(key, migrations);
  }
  return migrations;
}

function readSteps(kind: DatabaseKind, folder: string): Migration[] {
  const files = readdirSync(join(folder, kind))
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return files.map((file, index) => {
    const match = stepFile.exec(file);
    if (match === null || Number(match[1]) !== index + 1) {
      throw new MultiOutboxError(
        'INVALID_CONFIGURATION',
        `sql/${kind}/${file} has a wrong name or number; rename the steps to 0001-name.sql, 0002-name.sql, … without gaps`,
      );
    }
    const text = expandScript(`${kind}/${file}`, (path) => readFileSync(join(folder, path), 'utf8'));
    const checksum = createHash('sha256').update(text).digest('hex');
    const name = match[2]!.replaceAll('-', ' ');
    return { version: index + 1, name, text, checksum, script: `${kind}/${file}` };
  });
}
