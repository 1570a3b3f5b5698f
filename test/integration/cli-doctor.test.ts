import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Diagnosis } from '../../src/fleet/operations/doctor.ts';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;
beforeEach(() => {
  folder = cliFolder();
});
afterEach(() => folder.remove());

async function doctor(...args: string[]) {
  const { code, stdout, stderr } = await folder.cli(['doctor', '--json', ...args]);
  const { well, databases } = JSON.parse(stdout) as { well: boolean; databases: Diagnosis[] };
  const found = databases.map(({ tenantId, findings }) => [tenantId, findings.map(({ message }) => message)]);
  return { code, well, stderr, databases, found };
}

test('doctor finds no problem in a healthy fleet', async () => {
  for (const id of ['acme', 'beta']) await folder.json(['tenants', 'add', id]);
  const { code, well, databases, found } = await doctor('--all');
  expect({ code, well, found }).toEqual({
    code: 0,
    well: true,
    found: [
      [null, []],
      ['acme', []],
      ['beta', []],
    ],
  });
  for (const { reachable, version, clockAheadMs } of databases) {
    expect([reachable, version, clockAheadMs]).toEqual([true, 1, expect.any(Number)]);
  }
  expect((await folder.cli(['doctor', '--tenant', 'beta'])).stdout).toMatch(
    /registry +1 .* ok\nbeta +1 .* ok\n\n2 databases checked, 0 with problems\.\n$/,
  );
});

test('D8: doctor names drift, a schema that is missing or too new and a database that cannot be reached, each with its tenant', async () => {
  for (const id of ['acme', 'beta', 'cedar', 'dune']) await folder.json(['tenants', 'add', id]);
  await folder.json(['tenants', 'add', 'elm', '--no-migrate']);
  const change = (id: string, sql: string) => {
    const database = new DatabaseSync(path.join(folder.path, `.data/tenants/${id}.db`));
    database.exec(sql);
    database.close();
  };
  // An application's own table is not drift.
  change('acme', 'CREATE TABLE Orders (Id INTEGER PRIMARY KEY)');
  change('beta', 'DROP INDEX Outbox_Due; ALTER TABLE Inbox ADD COLUMN Mine TEXT');
  change('cedar', "INSERT INTO SchemaJournal VALUES (99, 'from the future', 'x', 0)");
  folder.write('.data/tenants/dune.db', 'garbage '.repeat(1_000));
  const { code, well, databases, found, stderr } = await doctor();
  expect({ code, well }).toEqual({ code: 1, well: false });
  expect(found).toEqual([
    [null, []],
    ['acme', []],
    [
      'beta',
      [
        expect.stringMatching(
          /^the index Outbox_Due is missing; create it again: CREATE INDEX Outbox_Due ON [^\n]*$/,
        ),
        'the table Inbox was changed by hand; undo the change, or restore the file from a backup',
      ],
    ],
    ['cedar', [expect.stringContaining('at version 99, but this program knows only 1; runs work with it')]],
    ['dune', [expect.stringContaining('DATABASE_CORRUPT')]],
    ['elm', [expect.stringContaining('DATABASE_MISSING')]],
  ]);
  expect(databases.map(({ reachable }) => reachable)).toEqual([true, true, true, true, false, false]);
  expect(JSON.parse(stderr).error.message).toBe(
    'The doctor found problems in beta, cedar, dune, elm; its findings say what to do about each.',
  );
});

test('doctor reports a missing registry, and does not create it', async () => {
  const { code, databases } = await doctor('--registry-only');
  expect([code, databases.length, databases[0]!.findings[0]!.message]).toEqual([
    1,
    1,
    expect.stringContaining('DATABASE_MISSING'),
  ]);
  expect((await folder.cli(['doctor', '--registry-only', '--tenant', 'a'])).code).toBe(2);
});
