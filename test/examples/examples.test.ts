/**
 * The projects of examples/ as a user has them: a copy, with the packed package installed from its tarball, passes its own tests
 * and types, and runs. examples/azure is in functions/example.test.ts, and examples/starter in cli-init.test.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { DatabaseSync } from 'node:sqlite';
import { InstalledProject } from '../support/installed-project.ts';
import { testWithSignals } from '../support/platform.ts';
import { hasDotnet } from '../support/toolchains.ts';
import { until } from '../support/until.ts';

// npm installs the packages.
jest.setTimeout(600_000);

// `prisma generate` looks for the engine of `prisma migrate`, which nothing here runs, and would download it. npm's registry does not
// have it, so any file stands for it.
process.env.PRISMA_SCHEMA_ENGINE_BINARY = process.execPath;

const running = new Set<ChildProcess>();
let project: InstalledProject;
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

async function install(example: string): Promise<void> {
  project = new InstalledProject(`examples/${example}`);
  expect(await project.install('npm')).toMatchObject({ code: 0 });
}

async function expectOwnTestsPass(tests: number): Promise<void> {
  const { code, output } = await project.run('npm', ['test']);
  expect([code, output]).toEqual([0, expect.stringMatching(new RegExp(`pass ${tests}\\b`))]);
  expect(await project.run('npm', ['run', '--silent', 'types'])).toMatchObject({ code: 0 });
}

/** Starts a program of the project, which prints the address at which it listens. */
async function start(program: string) {
  const child = spawn(process.execPath, [program], {
    cwd: project.folder,
    env: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1', PORT: '0' },
  });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const closed = once(child, 'close');
  await until('it listens', () => /^http:/m.test(output) || child.exitCode !== null);
  const address = output.match(/^http:\S+/m)?.[0];
  if (address === undefined) throw new Error(output);
  return {
    output: () => output,
    post: async (path: string, body: object) => {
      const headers = { 'content-type': 'application/json' };
      const request = { method: 'POST', headers, body: JSON.stringify(body) };
      return (await fetch(`${address}/${path}`, request)).status;
    },
    async stop() {
      child.kill('SIGTERM');
      const [code, signal] = await closed;
      running.delete(child);
      // Nest raises the signal again when it has stopped.
      return signal ?? code;
    },
  };
}

/** Messages by state, and how many leases are held, after the process has ended. */
function stored() {
  const shop = new DatabaseSync(project.file('shop.db'));
  const rows = shop.prepare('SELECT Status, count(*) AS Count FROM Outbox GROUP BY Status').all();
  const { held } = shop.prepare('SELECT count(*) AS held FROM Leases WHERE Owner IS NOT NULL').get()!;
  shop.close();
  return { held, byStatus: Object.fromEntries(rows.map(({ Status, Count }) => [Status, Count])) };
}

describe.each([
  { example: 'plain', program: 'src/main.ts', path: 'users/Ann', dispatched: 'shop welcomes Ann', end: 0 },
  { example: 'express-prisma', program: 'src/main.ts', path: 'orders/a', dispatched: 'shop ships a', end: 0 },
  {
    example: 'nestjs',
    program: 'dist/src/main.js',
    path: 'users/Ann',
    dispatched: 'shop welcomes Ann',
    end: 'SIGTERM',
  },
])('examples/$example', ({ example, program, path, dispatched, end }) => {
  beforeAll(() => install(example));
  afterAll(() => project.remove());

  test('its own test passes, and its code fits the types of the package', () => expectOwnTestsPass(1));

  testWithSignals(
    'D5: a request’s message is dispatched; SIGTERM ends the process, and no message is claimed and no lease held',
    async () => {
      const app = await start(program);
      expect(await app.post(path, { cents: 1_200 })).toBe(202);
      await until('the message is dispatched', () => app.output().includes(dispatched));
      expect(await app.post(path, { cents: 1_200 })).toBe(409);
      expect(await app.stop()).toBe(end);
      expect(stored()).toEqual({ held: 0, byStatus: { 2: 1 } });
    },
  );
});

const describeWithDotnet = hasDotnet ? describe : describe.skip;
describeWithDotnet(
  `examples/csharp-producer${hasDotnet ? '' : ' (skipped: dotnet 10 or newer is not on PATH)'}`,
  () => {
    beforeAll(() => install('csharp-producer'));
    afterAll(() => project.remove());

    test('its own test passes, and its code fits the types of the package', () => expectOwnTestsPass(1));

    test('an order of the program in C# is dispatched by the command line', async () => {
      const silently = (...args: string[]) => project.run('npm', ['run', '--silent', ...args]);
      expect(await silently('tenant', '--', 'acme')).toMatchObject({ code: 0 });
      const place = await silently('place', '--', '.data/tenants/acme.db', 'order-1');
      expect(place).toEqual({ code: 0, output: expect.stringContaining('placed order-1\n') });
      const cli = 'node_modules/multi-outbox/dist/cli.js';
      const tick = await project.node(cli, 'tick', '--handlers', 'src/handlers.ts');
      expect(tick).toMatchObject({ code: 0, output: expect.stringContaining('acme ships order-1') });
    });
  },
);
