import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.join(__dirname, '../..');
const cli = path.join(root, 'dist/cli.js');
const run = promisify(execFile);

/** The code blocks of the README that say that they run, by name. */
function runningBlocks(): Map<string, string> {
  const text = readFileSync(path.join(root, 'README.md'), 'utf8');
  const blocks = [...text.matchAll(/<!-- runs: (\w+) -->\n```ts\n(.*?)```/gs)];
  return new Map(blocks.map(([, name, code]) => [name!, code!]));
}

/** A user's project: the package and valibot are installed, and it is the working directory. */
let project: string;

beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), 'multi-outbox-readme-'));
  mkdirSync(path.join(project, 'node_modules'));
  symlinkSync(root, path.join(project, 'node_modules/multi-outbox'));
  symlinkSync(path.join(root, 'node_modules/valibot'), path.join(project, 'node_modules/valibot'));
  writeFileSync(path.join(project, 'package.json'), '{"type":"module"}');
  for (const [name, code] of runningBlocks()) writeFileSync(path.join(project, fileOf(name)), code);
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

function fileOf(block: string): string {
  return block === 'handler' ? 'invoice-create.ts' : `${block}.ts`;
}

const node = (...args: string[]) => run(process.execPath, args, { cwd: project });

test('the README shows a handler, an enqueue and a run', () => {
  expect([...runningBlocks().keys()]).toEqual(['handler', 'enqueue', 'run']);
});

test('the handler of the README is one', async () => {
  const script =
    "import('./invoice-create.ts').then(({ invoiceCreate }) => console.log(invoiceCreate.topic))";
  expect((await node('-e', script)).stdout.trim()).toBe('invoice.create');
});

test('the enqueue of the README commits the order with its mail, and a tick dispatches it', async () => {
  await node(cli, 'tenants', 'add', 'acme');
  await node('enqueue.ts');
  const { stdout } = await node(cli, 'tick', '--json');
  const tick = JSON.parse(stdout);
  expect(tick.runs[0]).toMatchObject({ tenantId: 'acme', outcome: 'dispatched', counts: { done: 1 } });
});

test('the host of the README ends on SIGTERM with exit code 0', async () => {
  await node(cli, 'tenants', 'add', 'acme');
  const host = spawn(process.execPath, ['run.ts'], { cwd: project, stdio: 'inherit' });
  const exited = once(host, 'exit');
  try {
    for (;;) {
      const { stdout } = await node(cli, 'tenants', 'show', 'acme', '--json');
      if (JSON.parse(stdout).tenant.schedule.lastRunUtc !== null) break;
    }
    host.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  } finally {
    host.kill('SIGKILL');
  }
});
