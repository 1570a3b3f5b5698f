/** docs/cli-json.md and its schema, against every command with `--json` on an embedded fleet. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import * as v from 'valibot';
import { commandOutputs, errorLine } from '../../docs/generate/cli-json/commands.ts';
import { commandName, leaves } from '../../docs/generate/commands.ts';
import { createProgram } from '../../src/cli/program.ts';
import { type CliFolder, type CliResult, cliFolder, plainEnvironment } from '../support/cli-process.ts';
import { testWithSignals } from '../support/platform.ts';

// A test runs many commands.
jest.setTimeout(120_000);

let folder: CliFolder;
let commands: ChildProcess | undefined;
beforeEach(() => {
  folder = cliFolder();
});
afterEach(async () => {
  if (commands !== undefined) {
    const ended = once(commands, 'exit');
    commands.kill();
    await ended;
    commands = undefined;
  }
  await folder.remove();
});

const handlers = `import { defineHandler } from 'multi-outbox';
export default [
  defineHandler({ topic: 'note', handle() {} }),
  defineHandler({
    topic: 'fails',
    retry: { maxAttempts: 1 },
    handle() { throw new Error('it fails'); },
  }),
  defineHandler({ topic: 'later', handle() { throw new Error('not yet'); } }),
];`;
const withHandlers = () => {
  folder.write('handlers.mjs', handlers);
  return { env: { MULTI_OUTBOX_HANDLERS: 'handlers.mjs' } };
};

const checked = new Set<string>();

/** Checks each line of a command's output. Returns the first one. */
function check<Value = Record<string, never>>(command: string, { code, stdout, stderr }: CliResult): Value {
  // Warnings may be on standard error.
  expect([command, code, code === 0 ? '' : stderr]).toEqual([command, 0, '']);
  const lines = stdout.trim().split('\n');
  for (const line of lines) {
    const { issues } = v.safeParse(commandOutputs[command]!.schema, JSON.parse(line));
    const found = issues?.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`);
    expect([command, found]).toEqual([command, undefined]);
  }
  checked.add(command);
  return JSON.parse(lines[0]!);
}

/** Runs a command with --json and checks its output. */
async function json<Value = Record<string, never>>(
  command: string,
  args: readonly string[] = [],
): Promise<Value> {
  commands ??= fork(path.join(__dirname, '../support/cli-program.ts'), {
    cwd: folder.path,
    env: plainEnvironment(),
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const answered = once(commands, 'message');
  commands.send([...command.split(' '), ...args, '--json']);
  return check(command, (await answered)[0]);
}

/** As `json`, by the bundle: for commands that load handlers or read the bundle's files. */
async function jsonOfBundle<Value = Record<string, never>>(
  command: string,
  args: readonly string[] = [],
): Promise<Value> {
  return check(command, await folder.cli([...command.split(' '), ...args, '--json'], withHandlers()));
}

test('every command has a schema, in the order of the help', () => {
  const named = leaves(createProgram(async () => {})).map(commandName);
  expect(Object.keys(commandOutputs)).toEqual(named);
});

test('init, tenants, migrate, doctor, wake, leases and settings print what their schemas say', async () => {
  await jsonOfBundle('init', ['project']);
  await json('tenants add', ['acme', '--tag', 'plan=gold', '--idle-ceiling', 'never']);
  await json('tenants add', ['birch', '--no-migrate', '--sla', '60']);
  folder.write('tenants.csv', 'id\ncedar\n');
  await json('tenants import', ['tenants.csv']);
  await json('migrate', ['--dry-run']);
  await json('migrate');
  await json('doctor');
  await json('tenants change', ['acme', '--priority', '2']);
  await json('tenants list');
  await json('tenants show', ['acme']);
  await json('tenants pause', ['acme']);
  await json('tenants resume', ['acme']);
  await json('tenants remove', ['cedar']);
  await json('wake', ['acme', 'birch']);
  await json('leases list');
  await json('settings');
  await json('completion', ['zsh']);
  await json('status', ['--all']);
});

test('messages and acts print what their schemas say', async () => {
  await json('tenants add', ['acme']);
  await json('enqueue', ['acme', 'note', 'x', '--ordering-key', 'k', '--header', 'a=b', '--due', '1h']);
  await json('enqueue', ['acme', 'fails', 'x', '--dedup-key', 'one']);
  await json('enqueue', ['acme', 'fails', 'y', '--dedup-key', 'one']);
  await json('enqueue', ['acme', 'later', 'x']);
  await json('enqueue', ['acme', 'nobody takes it', 'x']);
  await json('receive', ['acme', 'shop', '1', 'note', 'x']);
  await json('receive', ['acme', 'shop', '1', 'note', 'another']);
  await jsonOfBundle('handlers list');
  const { runs } = await jsonOfBundle<{ runs: object[] }>('tick');
  expect(runs).toMatchObject([{ outcome: 'dispatched', parkedTopics: ['nobody takes it'] }]);
  await json('status');
  await json('history');
  await json('history', ['--tenant', 'acme']);
  await json('leases list', ['acme']);
  await json('leases release', ['dispatch:outbox', 'acme']);

  const { messages } = await json<{ messages: { messageId: string; state: string; topic: string }[] }>(
    'messages list',
    ['--all'],
  );
  // States have names.
  expect(messages.map(({ state, topic }) => [topic, state]).sort()).toEqual([
    ['fails', 'dead'],
    ['later', 'ready'],
    ['nobody takes it', 'ready'],
    ['note', 'ready'],
  ]);
  const idOf = (wanted: string) => messages.find(({ topic }) => topic === wanted)!.messageId;
  await json('messages show', [idOf('note'), '--tenant', 'acme']);
  await json('dead list', ['--all']);
  const groups = await json<{ groups: object[] }>('dead list', ['--all', '--by', 'error']);
  expect(groups).toMatchObject({ groups: [{ count: 1 }] });
  await json('dead show', [idOf('fails'), '--all']);
  await json('messages reschedule', ['--tenant', 'acme', '--delay', '5m']);
  await json('messages reschedule', ['--tenant', 'acme', '--delay', '5m', '--yes']);
  await json('messages edit', [idOf('note'), 'z', '--tenant', 'acme']);
  await json('dead replay', ['--all']);
  const { operationId } = await json<{ operationId: string }>('dead replay', ['--all', '--yes']);
  await json('operations list');
  await json('operations show', [operationId]);
  await json('operations resume', [operationId]);
  const { stdout: createdId } = await folder.script(`
    const multiOutbox = library.createMultiOutbox();
    const { operation } = await multiOutbox.operations.create({ act: 'replay', filter: {} });
    const overrides = { batchSize: 5, idleCeilingMs: 'never', concurrency: null };
    const tenants = ['acme', 'nobody'];
    const changing = await multiOutbox.operations.create({ act: 'change-overrides', overrides, tenants });
    console.log(operation.id, changing.operation.id);
    await multiOutbox.close();`);
  const [onMessages, onTenants] = createdId.trim().split(' ');
  await json('operations cancel', [onMessages!]);
  await json('operations list');
  await json('operations show', [onTenants!]);
  await json('operations cancel', [onTenants!]);
  await json('messages cancel', ['--all', '--topic', 'later', '--reason', 'for a test', '--yes']);
  await json('messages replay', ['--all']);
  await json('messages discard', ['--all']);
  await json('dead discard', ['--all', '--queue', 'inbox', '--yes']);
  await json('audit list');
});

testWithSignals(
  'run, status --watch and ui print what their schemas say until they are stopped',
  async () => {
    const fleet = withHandlers();
    await json('tenants add', ['acme']);
    await json('enqueue', ['acme', 'note', 'x']);
    for (const [command, ...args] of [
      ['run'],
      ['run', '--ui', '0'],
      ['status', '--watch', '100ms'],
      ['ui'],
    ] as const) {
      const running = folder.start([command, ...args, '--json'], fleet);
      await running.until(({ stdout }) => stdout.includes('\n'));
      running.kill('SIGTERM');
      check(command, await running.ended);
    }
  },
);

test('the demo prints what its schema says', async () => {
  await jsonOfBundle('demo');
});

test('an error is a line as the schema says, with a stack only with --verbose', async () => {
  for (const [args, isVerbose] of [
    [['status'], false],
    [['tenants', 'show'], false],
    [['status', '--verbose'], true],
  ] as const) {
    const { code, stdout, stderr } = await folder.cli([...args, '--json']);
    expect([code === 0, stdout]).toEqual([false, '']);
    const last = JSON.parse(stderr.trim().split('\n').at(-1)!);
    expect(v.safeParse(errorLine.schema, last).issues).toBeUndefined();
    expect('stack' in last.error).toBe(isVerbose);
  }
});

test('the tests above have run every command', () => {
  const left = Object.keys(commandOutputs).filter((command) => !checked.has(command));
  expect(left).toEqual(process.platform === 'win32' ? ['run', 'ui'] : []);
});
