import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** Puts a database back to the time of its backup. */
export type Restore = () => Promise<void>;

/**
 * Backs up a SQLite file that may be in use. The restore replaces the file under the programs that have it open, as
 * docs/operations.md describes it.
 */
export function backUpFile(path: string): Restore {
  const copy = `${path}.backup`;
  rmSync(copy, { force: true });
  const database = new DatabaseSync(path, { timeout: 5_000 });
  try {
    database.prepare('VACUUM INTO ?').run(copy);
  } finally {
    database.close();
  }
  return async () => {
    copyFileSync(copy, `${path}.restored`);
    renameSync(path, `${path}.replaced`);
    for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    renameSync(`${path}.restored`, path);
  };
}
