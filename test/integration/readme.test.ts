import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { blockOf, blocksOf, UserProject } from '../support/documents.ts';
import { packedPackage } from '../support/packed-package.ts';
import { testWithShell, testWithSignals } from '../support/platform.ts';

const cli = path.join(packedPackage().folder, 'dist/cli.js');
const blocks = blocksOf('README.md').filter(({ name }) => name !== undefined);

let project: UserProject;
const node = (...args: string[]) => project.node(...args);

beforeEach(() => {
  project = new UserProject();
  project.write(blocks);
});
afterEach(() => project.remove());

test('the README shows a handler, an enqueue and a run', () => {
  expect(blocks.map(({ name }) => name)).toEqual(['register', 'invoice-create', 'enqueue', 'work', 'run']);
});

test('the handler of the README is one', async () => {
  const script =
    "import('./invoice-create.ts').then(({ invoiceCreate }) => console.log(invoiceCreate.topic))";
  expect((await node('-e', script)).stdout.trim()).toBe('invoice.create');
});

testWithShell(
  'the enqueue of the README commits the order with its mail, and a tick dispatches it',
  async () => {
    writeFileSync(project.file('tenants.csv'), 'id\ncedar\n');
    const registered = await project.run(blocks[0]!);
    expect(registered.join('\n')).toMatch(/^acme .*\n^birch .*\n^cedar /m);
    await node('enqueue.ts');
    const { stdout } = await node(cli, 'tick', '--json');
    const tick = JSON.parse(stdout);
    expect(tick.runs).toContainEqual(
      expect.objectContaining({
        tenantId: 'acme',
        outcome: 'dispatched',
        counts: expect.objectContaining({ done: 1 }),
      }),
    );
  },
);

testWithShell('the commands of the README that work on the fleet end well', async () => {
  await node(cli, 'tenants', 'add', 'acme');
  await node(cli, 'enqueue', 'acme', 'email.send', '{"to":"a@example.com","subject":"s","text":"t"}');
  const printed = await project.run(blockOf('README.md', 'sh', 'work'));
  expect(printed.join('\n')).toMatch(/acme .*dispatched/);
});

testWithSignals('the host of the README ends on SIGTERM with exit code 0', async () => {
  await node(cli, 'tenants', 'add', 'acme');
  const host = spawn(process.execPath, ['run.ts'], { cwd: project.folder, stdio: 'inherit' });
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
