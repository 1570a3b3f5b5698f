import { type CliFolder, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;
beforeEach(() => {
  folder = cliFolder();
});
afterEach(() => folder.remove());

test('--help and --version exit with 0 and open no database', async () => {
  const help = await folder.cli(['--help']);
  expect([help.code, help.stderr]).toEqual([0, '']);
  for (const command of 'tenants migrate enqueue tick run status wake dead leases handlers settings demo'.split(
    ' ',
  )) {
    expect(help.stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    const own = await folder.cli([command, '--help']);
    expect([command, own.code, own.stdout]).toEqual([
      command,
      0,
      expect.stringMatching(/--json.*--verbose/s),
    ]);
  }
  expect((await folder.cli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([
  [['frobnicate'], /Unknown command 'frobnicate'/],
  [['status', '--frobnicate'], /Unknown option '--frobnicate'/],
  [['wake'], /Missing required argument 'tenant'/],
  [['status', '--status', 'asleep'], /Allowed choices are active, paused, retired/],
  [['tenants', 'add', 'acme', '--priority', 'high'], /whole number/],
  [['migrate', '--all', '--tenant', 'acme'], /Give only one of --all, --tenant/],
])('wrong usage ends with 2 and one line: %j', async (args, expected) => {
  const { code, stdout, stderr } = await folder.cli(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^error: [^\n]+\n$/);
  expect(stderr).toMatch(expected);
  const json = await folder.cli([...args, '--json']);
  expect(json.code).toBe(2);
  expect(JSON.parse(json.stderr)).toEqual({
    error: { code: 'USAGE', message: expect.stringMatching(expected) },
  });
});

test('what npx has started names commands that can be pasted there, in results and errors', async () => {
  const env = { npm_command: 'exec' };
  const untouched = await folder.cli(['wake', 'acme'], { env });
  expect(untouched.stderr).toContain("with 'npx multi-outbox migrate --registry-only'");
  await folder.cli(['migrate', '--registry-only']);
  expect((await folder.cli(['status'], { env })).stdout).toContain("with 'npx multi-outbox tenants add ID'");
  expect((await folder.cli(['status'])).stdout).toContain("with 'multi-outbox tenants add ID'");
});

test.each([
  [['status', '--registr', 'x'], '--registry <url>'],
  [['migrate', '--registry'], '--registry-only'],
  [['status', '--faling'], '--failing'],
])('what is suggested for %j is accepted as it stands', async (args, suggested) => {
  const { code, stderr } = await folder.cli(args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(`(Did you mean ${suggested}?)`)]);
});

test('an id that no tenant can have is not suggested to be added', async () => {
  await folder.json(['tenants', 'add', 'acme']);
  const { stderr } = await folder.cli(['tenants', 'show', 'A b']);
  expect(stderr).toContain("No tenant can have this id; look up the ids with 'multi-outbox tenants list'.");
  expect((await folder.cli(['tenants', 'show', 'ab'])).stderr).toContain('multi-outbox tenants add ab');
});

test('a command without its verb shows the verbs and exits with 2', async () => {
  const { code, stdout, stderr } = await folder.cli(['tenants']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/pause <tenant>[\s\S]*\nerror: A command is missing;.*\n$/);
});

test('an error is one line; with --verbose its stack follows; with --json it has a code', async () => {
  const plain = await folder.cli(['status']);
  expect([plain.code, plain.stdout]).toEqual([1, '']);
  expect(plain.stderr).toMatch(/^error: .*registry\.db.*migrate[^\n]*\n$/);
  const verbose = await folder.cli(['--verbose', 'status']);
  expect(verbose.stderr).toMatch(/^error: [^\n]+\nMultiOutboxError: [\s\S]*\n {4}at /);
  const json = await folder.cli(['--json', 'status']);
  expect([json.code, json.stdout]).toEqual([1, '']);
  expect(JSON.parse(json.stderr)).toEqual({
    error: { code: 'DATABASE_MISSING', message: expect.any(String) },
  });
});

test('the error for a wrong setting names it as the user gave it', async () => {
  const registry = await folder.cli(['status', '--registry', 'postgres://x:secret@y/z']);
  expect([registry.code, registry.stderr]).toEqual([
    2,
    expect.stringMatching(/^error: .*sqlite:<file>.*\n$/),
  ]);
  expect(registry.stderr).not.toContain('secret');
  const variable = await folder.cli(['status'], { env: { MULTI_OUTBOX_LEASE: 'long' } });
  expect([variable.code, variable.stderr]).toEqual([
    2,
    expect.stringMatching(/^error: MULTI_OUTBOX_LEASE is "long": .*\n$/),
  ]);
});

test('an unknown MULTI_OUTBOX_ variable is reported', async () => {
  await folder.cli(['tenants', 'add', 'acme']);
  const { code, stderr } = await folder.cli(['status'], { env: { MULTI_OUTBOX_REGISTY: 'sqlite:x.db' } });
  expect(code).toBe(0);
  expect(JSON.parse(stderr)).toMatchObject({
    level: 'warn',
    msg: expect.stringContaining('MULTI_OUTBOX_REGISTY'),
  });
});

test.each([
  ['the file is missing', undefined, /the file does not exist/],
  ['it does not parse', 'export default [', /Unexpected/],
  [
    'its import is missing',
    "import 'no-such-package-anywhere'; export default [];",
    /no-such-package-anywhere/,
  ],
  [
    'it exports nothing',
    'export const handlers = [];',
    /its default export must be an array of handlers or a function/,
  ],
  ['its function returns none', 'export default () => 42;', /did not return an array/],
  [
    'its function throws',
    "export default () => { throw new Error('no key') };",
    /the function that it exports threw an error: no key/,
  ],
  [
    'its import never ends',
    'await new Promise(() => {}); export default [];',
    /importing it never ends.*: nothing is left that could settle it; correct the file/,
  ],
  [
    'the promise of its function never settles',
    'export default () => new Promise(() => {});',
    /the promise of the function that it exports never settles: nothing is left/,
  ],
  ['an item is not a handler', 'export default [{ topic: 1 }];', /item 1 of its array is not a handler/],
])('a handlers file is refused when %s', async (_why, text, expected) => {
  if (text !== undefined) folder.write('handlers.mjs', text);
  const { code, stderr } = await folder.cli(['handlers', 'list', '--handlers', 'handlers.mjs']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: Handlers file 'handlers\.mjs' cannot be used: [^\n]+\n$/);
  expect(stderr).toMatch(expected);
});

test.each(['tick', 'run'])(
  'a handlers file that never settles makes %s fail, although nothing is left to do',
  async (command) => {
    folder.write('handlers.mjs', 'export default [];\nawait new Promise(() => {});');
    const { code, stderr, stdout } = await folder.cli([command, '--handlers', 'handlers.mjs']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^error: Handlers file 'handlers\.mjs' cannot be used: importing it never ends/);
  },
);

test('a command that waits for something that never settles does not end as if it were done', async () => {
  // The program waits for the end of its output, which this file swallows.
  folder.write('handlers.mjs', 'export default () => [];\nprocess.stdout.write = () => true;');
  const { code, stderr } = await folder.cli(['handlers', 'list', '--handlers', 'handlers.mjs']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: The command ended before its work was done/);
});

test('D4: two handlers for a topic are refused, and a handlers file may be TypeScript', async () => {
  folder.write(
    'two.ts',
    `import { defineHandler } from 'multi-outbox';
     const topic: string = 'Twice';
     export default [defineHandler({ topic, handle() {} }), defineHandler({ topic: 'twice', handle() {} })];`,
  );
  const { code, stderr } = await folder.cli(['handlers', 'list', '--handlers', 'two.ts', '--json']);
  expect(code).toBe(2);
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'DUPLICATE_HANDLER' } });
});

test('colours and progress are for terminals: none in a pipe', async () => {
  await folder.cli(['tenants', 'add', 'acme']);
  for (const args of [['status'], ['tick'], ['migrate', '--all'], ['tenants', 'list']]) {
    const { stdout, stderr } = await folder.cli(args, { env: { CI: 'true' } });
    expect(stdout + stderr).not.toContain('\u001b');
  }
});
