/**
 * The projects of examples/ as a user has them: a copy, with the packed package installed from its tarball, passes its own tests
 * and types, and runs. examples/azure is in functions/example.test.ts, and examples/starter in cli-init.test.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
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

/** A handler that ends soon after SIGTERM, and one that ends never. */
const waits = {
  untilStopped: "(resolve) => process.once('SIGTERM', () => setTimeout(resolve, 1_000))",
  forever: '() => {}',
};

/** Makes the handler of a program of the project wait before it does its work. Call the result to restore the program. */
function slowed(program: string, wait: string): () => void {
  const code = readFileSync(project.file(program), 'utf8');
  const handle = /(\([^()]*\)) => (console\.log\(`[^`]*`\))/;
  expect(code).toMatch(handle);
  project.write(
    program,
    code.replace(handle, `async $1 => { console.log('begins'); await new Promise(${wait}); $2; }`),
  );
  return () => project.write(program, code);
}

/** Starts a program of the project, and waits until it prints the address at which it listens, or what `isUp` matches. */
async function start(args: readonly string[], { isUp = /^http:\S+/m, env = {} } = {}) {
  const child = spawn(process.execPath, args, {
    cwd: project.folder,
    env: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1', PORT: '0', ...env },
  });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const closed = once(child, 'close');
  await until('it is up', () => isUp.test(output) || child.exitCode !== null, 60_000);
  const address = output.match(isUp)?.[0];
  if (address === undefined) throw new Error(output);
  return {
    output: () => output,
    post: async (path: string, body: object) => {
      const headers = { 'content-type': 'application/json' };
      const request = { method: 'POST', headers, body: JSON.stringify(body) };
      return (await fetch(`${address}/${path}`, request)).status;
    },
    /** @param again sends another signal while the program stops */
    async stop({ again = false } = {}) {
      child.kill('SIGTERM');
      if (again) {
        await until('it takes no requests', () =>
          fetch(address).then(
            () => false,
            () => true,
          ),
        );
        child.kill('SIGINT');
      }
      const [code, signal] = await closed;
      running.delete(child);
      // Nest raises the signal again when it has stopped.
      return signal ?? code;
    },
  };
}

/** Messages by state, and how many leases are held, after the process has ended. */
function stored(file = 'shop.db') {
  // SQLite removes this file when the last connection is closed.
  expect(existsSync(project.file(`${file}-wal`))).toBe(false);
  const shop = new DatabaseSync(project.file(file));
  const rows = shop.prepare('SELECT Status, count(*) AS Count FROM Outbox GROUP BY Status').all();
  const { held } = shop.prepare('SELECT count(*) AS held FROM Leases WHERE Owner IS NOT NULL').get()!;
  shop.close();
  return { held, byStatus: Object.fromEntries(rows.map(({ Status, Count }) => [Status, Count])) };
}

describe.each([
  {
    example: 'plain',
    tests: 2,
    program: 'src/main.ts',
    path: 'users/Ann',
    dispatched: 'shop welcomes Ann',
    end: 0,
  },
  {
    example: 'express-prisma',
    tests: 3,
    program: 'src/main.ts',
    path: 'orders/a',
    dispatched: 'shop ships a',
    end: 0,
  },
  {
    example: 'nestjs',
    tests: 2,
    program: 'dist/src/main.js',
    path: 'users/Ann',
    dispatched: 'shop welcomes Ann',
    end: 'SIGTERM',
  },
])('examples/$example', ({ example, tests, program, path, dispatched, end }) => {
  beforeAll(() => install(example));
  afterEach(() => project.clear('shop.db*'));
  afterAll(() => project.remove());

  test('its own tests pass, and its code fits the types of the package', () => expectOwnTestsPass(tests));

  testWithSignals(
    'D5: a request’s message is dispatched; SIGTERM ends the process, and no message is claimed and no lease held',
    async () => {
      const app = await start([program]);
      expect(await app.post(path, { cents: 1_200 })).toBe(202);
      await until('the message is dispatched', () => app.output().includes(dispatched));
      expect(await app.post(path, { cents: 1_200 })).toBe(409);
      expect(await app.stop()).toBe(end);
      expect(stored()).toEqual({ held: 0, byStatus: { 2: 1 } });
    },
  );

  testWithSignals('D5: SIGTERM while a handler runs: the handler ends, and its message is Done', async () => {
    const restore = slowed(program, waits.untilStopped);
    try {
      const app = await start([program]);
      expect(await app.post(path, { cents: 1_200 })).toBe(202);
      await until('the handler runs', () => app.output().includes('begins'));
      expect(app.output()).not.toContain(dispatched);
      // Nest counts signals itself.
      expect(await app.stop({ again: example !== 'nestjs' })).toBe(end);
      expect(app.output()).toContain(dispatched);
      expect(stored()).toEqual({ held: 0, byStatus: { 2: 1 } });
    } finally {
      restore();
    }
  });

  testWithSignals(
    'D5: SIGTERM while a handler hangs: the process ends after the grace, and the next one dispatches the message',
    async () => {
      const restore = slowed(program, waits.forever);
      try {
        const app = await start([program], { env: { MULTI_OUTBOX_GRACE: '100ms' } });
        expect(await app.post(path, { cents: 1_200 })).toBe(202);
        await until('the handler runs', () => app.output().includes('begins'));
        expect(await app.stop()).toBe(end);
        expect(stored()).toMatchObject({ held: 0 });
      } finally {
        restore();
      }
      const next = await start([program]);
      await until('the message is dispatched', () => next.output().includes(dispatched));
      expect(await next.stop()).toBe(end);
      expect(stored()).toEqual({ held: 0, byStatus: { 2: 1 } });
    },
  );
});

describe('examples/csharp-producer', () => {
  beforeAll(() => install('csharp-producer'));
  afterAll(() => project.remove());
  const cli = 'node_modules/multi-outbox/dist/cli.js';

  testWithSignals(
    'D5: its host: SIGTERM while a handler runs: the handler ends, and its message is Done',
    async () => {
      expect(await project.node(cli, 'tenants', 'add', 'birch')).toMatchObject({ code: 0 });
      const order = ['enqueue', 'birch', 'order.placed', '{"orderId":"order-2"}'];
      expect(await project.node(cli, ...order)).toMatchObject({ code: 0 });
      const restore = slowed('src/handlers.ts', waits.untilStopped);
      try {
        const host = await start([cli, 'run', '--handlers', 'src/handlers.ts'], { isUp: /^begins$/m });
        expect(await host.stop()).toBe(0);
        expect(host.output()).toContain('birch ships order-2');
        expect(stored('.data/tenants/birch.db')).toEqual({ held: 0, byStatus: { 2: 1 } });
      } finally {
        restore();
      }
    },
  );

  const describeWithDotnet = hasDotnet ? describe : describe.skip;
  describeWithDotnet(`in C#${hasDotnet ? '' : ' (skipped: dotnet 10 or newer is not on PATH)'}`, () => {
    test('its own tests pass, and its code fits the types of the package', () => expectOwnTestsPass(2));

    test('an order of the program in C# is dispatched by the command line', async () => {
      const silently = (...args: string[]) => project.run('npm', ['run', '--silent', ...args]);
      expect(await silently('tenant', '--', 'acme')).toMatchObject({ code: 0 });
      const place = await silently('place', '--', '.data/tenants/acme.db', 'order-1');
      expect(place).toEqual({ code: 0, output: expect.stringContaining('placed order-1\n') });
      const tick = await project.node(cli, 'tick', '--handlers', 'src/handlers.ts');
      expect(tick).toMatchObject({ code: 0, output: expect.stringContaining('acme ships order-1') });
    });
  });
});
