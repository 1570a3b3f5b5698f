import { type CliFolder, type CliResult, cliFolder } from '../support/cli-process.ts';
import { startOnTerminal, testOnTerminal } from '../support/pseudo-terminal.ts';

let folder: CliFolder;
beforeEach(() => {
  folder = cliFolder();
});
afterEach(() => folder.remove());

const file = 'tenants.csv';
const importing = (text: string, ...options: string[]) => {
  folder.write(file, text);
  const env = { ACME_DB: 'Server=sql.example.net;Database=acme;User Id=u;Password=p' };
  return folder.cli(['tenants', 'import', file, '--json', ...options], { env });
};
const report = ({ stdout }: CliResult) => JSON.parse(stdout);
const tenants = async () => (await folder.json<{ tenants: { id: string }[] }>(['tenants', 'list'])).tenants;

test('every column is a field; empty cells, blank lines, a BOM and CRLF are read as spreadsheets write them', async () => {
  const result = await importing(
    '\ufeffid,Priority,weight,sla,schema,idle-ceiling,batch-size,tag:Plan,auth-setting\r\n' +
      'acme, 7 ,2.5,60,outbox,never,20,"gold, ""new""",ACME_DB\r\n' +
      '\r\n' +
      'birch,,,,,,,,\r\n',
  );
  expect([result.code, result.stderr]).toEqual([0, '']);
  expect(report(result)).toEqual({ dryRun: false, added: 2, changed: 0, unchanged: 0, failures: [] });
  expect(await tenants()).toMatchObject([
    {
      id: 'acme',
      priority: 7,
      weight: 2.5,
      slaSeconds: 60,
      schema: 'outbox',
      tags: { Plan: 'gold, "new"' },
      overrides: { idleCeilingMs: 'never', batchSize: 20 },
      auth: { kind: 'setting', name: 'ACME_DB' },
    },
    { id: 'birch', database: 'tenants/birch.db', priority: 0, tags: {}, overrides: {} },
  ]);
  // The tenant's file was created as well; a database on a server is not touched.
  await folder.json(['enqueue', 'birch', 'note', 'x']);
});

test('an invalid row is reported with its line; the others are registered, and the exit code is 1', async () => {
  const result = await importing(
    'id,priority,database\n' +
      'acme,1,\n' +
      'birch,high,\n' +
      'Cedar,1,\n' +
      ',1,\n' +
      'acme,2,\n' +
      'delta,1\n' +
      'elder,1,tenants/acme.db\n' +
      'fir,1,\n',
  );
  expect(result.code).toBe(1);
  const { added, failures } = report(result);
  expect(added).toBe(2);
  expect(failures.map(({ line, tenantId, code }: Record<string, unknown>) => [line, tenantId, code])).toEqual(
    [
      [3, 'birch', 'INVALID_ROW'],
      [4, 'Cedar', 'INVALID_TENANT'],
      [5, null, 'INVALID_ROW'],
      [6, 'acme', 'INVALID_ROW'],
      [7, null, 'INVALID_ROW'],
      [8, 'elder', 'DATABASE_IN_USE'],
    ],
  );
  expect(failures[0].message).toBe('priority: Give a whole number from -1000 to 1000.');
  expect(failures[3].message).toBe('line 2 already has this id; remove one of the two rows');
  expect((await tenants()).map(({ id }) => id)).toEqual(['acme', 'fir']);
  expect(result.stderr).toMatch(/6 rows or tenants failed, the first: line 3, birch: priority/);
});

test('known tenants are not changed, or changed with --update; an empty cell keeps the field', async () => {
  await importing('id,priority,sla\nacme,1,60\nbirch,1,60\n');
  const refused = await importing('id,priority\nacme,2\ncedar,3\n');
  expect(refused.code).toBe(1);
  expect(report(refused)).toMatchObject({
    added: 1,
    failures: [
      { line: 2, tenantId: 'acme', code: 'TENANT_EXISTS', message: expect.stringContaining('--update') },
    ],
  });
  const updated = await importing('id,priority,tag:plan\nacme,2,gold\nbirch,1,\ndelta,,\n', '--update');
  expect([updated.code, report(updated)]).toMatchObject([0, { added: 1, changed: 1, unchanged: 1 }]);
  expect(await tenants()).toMatchObject([
    { id: 'acme', priority: 2, slaSeconds: 60, tags: { plan: 'gold' } },
    { id: 'birch', priority: 1, slaSeconds: 60, tags: {} },
    { id: 'cedar', priority: 3 },
    { id: 'delta' },
  ]);
});

test('--dry-run checks every row and changes nothing, even if the registry does not exist yet', async () => {
  const rows = 'id,weight\nacme,1\nbirch,-1\n';
  const fresh = await importing(rows, '--dry-run');
  expect([fresh.code, report(fresh)]).toMatchObject([1, { dryRun: true, added: 1, failures: [{ line: 3 }] }]);
  await folder.json(['tenants', 'add', 'acme', '--weight', '2']);
  const known = await importing(rows, '--dry-run', '--update');
  expect(report(known)).toMatchObject({ added: 0, changed: 1 });
  expect(await tenants()).toMatchObject([{ id: 'acme', weight: 2 }]);
});

test.each([
  ['nothing', '', /has no row below its heading/],
  ['a heading alone', 'id,priority\n', /has no row below its heading/],
  [
    'no heading',
    'acme,1\n',
    /The column 'acme' is unknown; the first line must name columns from this list: id, database/,
  ],
  ['a column twice', 'id,Priority,priority\nacme,1,2\n', /The column 'priority' is there twice/],
  ['a tag twice', 'id,tag:a,TAG:a\nacme,1,2\n', /The column 'tag:a' is there twice/],
  [
    'a column with a huge name',
    `id,${'x'.repeat(1_000_000)}\nacme,1\n`,
    /^.{30,60}'x{99}…' is unknown; .{1,200}tag:NAME\."\}\}\n$/,
  ],
  [
    'a tag with a huge name twice',
    `id${`,tag:${'x'.repeat(1_000_000)}`.repeat(2)}\nacme,1,2\n`,
    /^.{30,60}'tag:x{95}…' is there twice; remove one of the two\."\}\}\n$/,
  ],
  ['no id', 'database\nx\n', /The column 'id' is missing/],
])('a file with %s is wrong usage, and nothing is written', async (_name, text, problem) => {
  const { code, stderr } = await importing(text);
  expect(code).toBe(2);
  expect(stderr).toMatch(problem);
});

test('a missing file', async () => {
  const { code, stderr } = await folder.cli(['tenants', 'import', 'nowhere.csv']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: The file cannot be read: ENOENT/);
});

test('it reads standard input, and reports the result in one line', async () => {
  const { code, stdout } = await folder.cli(['tenants', 'import', '-', '--no-migrate'], {
    input: 'id\nacme\n',
  });
  expect([code, stdout]).toEqual([0, '1 added, 0 changed, 0 unchanged, 0 failed.\n']);
});

testOnTerminal(
  'on a terminal it counts the rows that it has read, then the databases that it migrates',
  async () => {
    folder.write(file, 'id\nacme\nbirch\n');
    const { output, ended } = startOnTerminal(folder.path, ['tenants', 'import', file]);
    expect(await ended).toBe(0);
    // The registry is the third database.
    expect(output()).toMatch(/Importing 1 rows.*Migrating .* of 3 databases/s);
    expect(output()).toContain('2 added, 0 changed, 0 unchanged, 0 failed.');
  },
);
