import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { errorNumbers } from '../../../src/engine/sqlserver/error-numbers.ts';
import { splitBatches } from '../../../src/engine/sqlserver/migrations/script.ts';
import {
  type DatabaseKind,
  migrationsOf,
  sqlFolder,
} from '../../../src/engine/sqlserver/migrations/steps.ts';
import { pendingSteps } from '../../../src/engine/sqlserver/schema-control.ts';

const kinds: DatabaseKind[] = ['registry', 'tenant'];
const subject = { tenantId: 'acme', database: 'server/acme' };

function withFolder<T>(files: Record<string, string>, work: (folder: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-steps-'));
  try {
    for (const kind of kinds) mkdirSync(path.join(folder, 'sql', kind), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, 'sql', name), text);
    return work(path.join(folder, 'sql'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('migration steps (text of the scripts, no server)', () => {
  test.each(kinds)(
    'the %s has steps 1, 2, 3, … with nothing left to include or to set but the schema',
    (kind) => {
      const steps = migrationsOf(kind);
      expect(steps.length).toBeGreaterThan(0);
      expect(steps.map(({ version }) => version)).toEqual(steps.map((_, index) => index + 1));
      for (const { text, name } of steps) {
        expect(name).toMatch(/^[a-z0-9 ]+$/);
        expect(text).not.toMatch(/^\s*:/m);
        expect([...text.matchAll(/\$\((\w+)\)/g)].every(([, variable]) => variable === 'Schema')).toBe(true);
      }
    },
  );

  test.each(kinds)('every procedure of the %s sets what must not leak into it from its caller', (kind) => {
    const procedures = migrationsOf(kind)
      .flatMap(({ text }) => splitBatches(text))
      .filter((batch) => /^ALTER PROCEDURE/m.test(batch));
    expect(procedures.length).toBeGreaterThan(5);
    for (const procedure of procedures) {
      expect(procedure).toMatch(/SET NOCOUNT ON;/);
      expect(procedure).toMatch(
        /SET XACT_ABORT (ON|OFF);\n(IF @@TRANCOUNT = 0 )?SET TRANSACTION ISOLATION LEVEL READ COMMITTED;/,
      );
    }
  });

  // If such a column names no collation, comparing it with a column of the queue's tables fails on SQL Server (error
  // 468); Babelfish accepts it.
  test('every column of a table variable that holds a short text names its collation', () => {
    const parts = path.join(sqlFolder(), 'parts');
    const columns = readdirSync(parts).flatMap((file) =>
      [
        ...readFileSync(path.join(parts, file), 'utf8').matchAll(
          /^DECLARE @\w+ TABLE \((?:[^\n]*\);$|\n[\s\S]*?^\);$)/gm,
        ),
      ].flatMap(([table]) =>
        [...table.matchAll(/\bn?(?:var)?char\(\d+\)[^,\n]*/g)].map(([column]) => `${file}: ${column}`),
      ),
    );
    expect(columns.length).toBeGreaterThan(5);
    expect(columns.filter((column) => !column.includes(' COLLATE Latin1_General_100_BIN2 '))).toEqual([]);
  });

  test('outbox and inbox have the same definition', () => {
    const [, queues] = migrationsOf('tenant');
    const outbox = queues!.text.slice(queues!.text.indexOf('-- The table of a work queue'));
    const [first, second] = outbox.split('-- The table of a work queue').slice(1);
    expect(first!.replaceAll('Outbox', 'Inbox').replaceAll('queue:outbox', 'queue:inbox')).toBe(
      second!.replace(/\n+$/, '\n'),
    );
  });

  test('the checksum depends on the included text, and not on the schema', () => {
    const files = { 'tenant/0001-a.sql': ':r part.sql', 'part.sql': 'SELECT 1' };
    const checksum = (changed: object) =>
      withFolder({ ...files, ...changed }, (folder) => migrationsOf('tenant', folder)[0]!.checksum);
    expect(checksum({})).toBe(checksum({}));
    expect(checksum({ 'part.sql': 'SELECT 2' })).not.toBe(checksum({}));
  });

  test.each([
    ['a gap', { 'tenant/0001-a.sql': '', 'tenant/0003-b.sql': '' }],
    ['a number twice', { 'tenant/0001-a.sql': '', 'tenant/0001-b.sql': '' }],
    ['another name', { 'tenant/first.sql': '' }],
  ])('%s in the numbers is refused', (_, files) => {
    withFolder(files, (folder) => {
      expect(() => migrationsOf('tenant', folder)).toThrow(
        expect.objectContaining({
          code: 'INVALID_CONFIGURATION',
          message: expect.stringContaining('sql/tenant/'),
        }),
      );
    });
  });

  test('without the folder sql/ the message says what to deploy', () => {
    expect(() => sqlFolder(path.parse(process.cwd()).root)).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIGURATION', message: expect.stringContaining('sql/') }),
    );
  });

  const migrations = ['a', 'b', 'c'].map((name, index) => ({
    version: index + 1,
    name,
    text: name,
    checksum: `sum of ${name}`,
    script: `tenant/000${index + 1}-${name}.sql`,
  }));
  const journal = (...names: string[]) =>
    names.map((name, index) => ({ Version: index + 1, Name: name, Checksum: `sum of ${name}` }));

  test('steps in the journal are left out', () => {
    const pending = (rows: ReturnType<typeof journal>) =>
      pendingSteps(rows, migrations, subject).map(({ version }) => version);
    expect(pending([])).toEqual([1, 2, 3]);
    expect(pending(journal('a'))).toEqual([2, 3]);
    expect(pending(journal('a', 'b', 'c'))).toEqual([]);
  });

  test('a database ahead of the program is refused, and so is a step in another form', () => {
    const refusal = (code: string) => expect.objectContaining({ code, tenantId: 'acme' });
    expect(() => pendingSteps(journal('a', 'b', 'c', 'd'), migrations, subject)).toThrow(
      refusal('SCHEMA_TOO_NEW'),
    );
    expect(() => pendingSteps(journal('a', 'B'), migrations, subject)).toThrow(refusal('SCHEMA_CHANGED'));
  });
});

describe('error numbers (text of the scripts, no server)', () => {
  const folder = sqlFolder();
  const thrown = new Set(
    readdirSync(path.join(folder, 'parts')).flatMap((file) =>
      [...readFileSync(path.join(folder, 'parts', file), 'utf8').matchAll(/THROW (\d+)/g)].map(([, n]) =>
        Number(n),
      ),
    ),
  );

  test('what the scripts throw, the program knows and the README lists', () => {
    const known = Object.values(errorNumbers);
    expect([...thrown].sort()).toEqual([...known].sort());
    const listed = [
      ...readFileSync(path.join(folder, 'README.md'), 'utf8').matchAll(/^\| (51\d{3}) \|/gm),
    ].map(([, number]) => Number(number));
    expect(listed.sort()).toEqual([...known].sort());
  });
});
