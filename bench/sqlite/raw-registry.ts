/** The raw loop on the registry's file: reads the due tenants from their index and moves their due times. */
import { DatabaseSync } from 'node:sqlite';
import type { RawRegistry } from '../place.ts';

const hourMs = 3_600_000;

export function openRawRegistry(file: string): RawRegistry {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA synchronous = FULL');
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const wake = database.prepare('UPDATE Tenants SET NextDueUtc = ? WHERE Id = ?');
  const read = database.prepare(
    `SELECT * FROM Tenants WHERE Status = 'active' AND NextDueUtc IS NOT NULL AND NextDueUtc <= ?
      ORDER BY NextDueUtc, Id`,
  );
  const choose = database.prepare('UPDATE Tenants SET NextDueUtc = ?, LastPlannedUtc = ? WHERE Id = ?');
  return {
    async wake(tenantIds) {
      begin.run();
      const now = Date.now();
      for (const id of tenantIds) wake.run(now, id);
      commit.run();
    },
    async plan() {
      begin.run();
      const now = Date.now();
      const due = read.all(now) as { Id: string }[];
      for (const { Id } of due) choose.run(now + hourMs, now, Id);
      commit.run();
      return due.length;
    },
    close: async () => database.close(),
  };
}
