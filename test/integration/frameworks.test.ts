/** docs/frameworks.md: its programs run with the real frameworks, answer requests, dispatch, and stop gracefully. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { DatabaseSync } from 'node:sqlite';
import { blockOf } from '../support/documents.ts';
import { InstalledProject } from '../support/installed-project.ts';
import { testWithSignals } from '../support/platform.ts';
import { until } from '../support/until.ts';

// npm installs the packages.
jest.setTimeout(300_000);

const blocks = [
  blockOf('docs/frameworks.md', 'js', 'shop'),
  blockOf('docs/frameworks.md', 'js', 'fastify'),
  blockOf('docs/frameworks.md', 'js', 'express'),
  blockOf('docs/frameworks.md', 'js', 'nest-module'),
  blockOf('docs/frameworks.md', 'js', 'nest'),
  blockOf('docs/frameworks.md', 'js', 'console'),
  blockOf('docs/frameworks.md', 'js', 'console-express'),
  blockOf('docs/frameworks.md', 'js', 'console-fastify'),
  blockOf('docs/frameworks.md', 'js', 'console-hono'),
];
const dependencies = {
  '@hono/node-server': '^1.19.0',
  express: '^5.1.0',
  fastify: '^5.6.0',
  hono: '^4.9.0',
  '@nestjs/common': '^11.1.0',
  '@nestjs/core': '^11.1.0',
  '@nestjs/platform-express': '^11.1.0',
  'reflect-metadata': '^0.2.2',
  rxjs: '^7.8.2',
};

/** The module with a handler that runs long enough to be met by SIGTERM. */
function slowed(code: string): string {
  const handle = /handle: (\(.*?\)) => (console.*?),\n/;
  expect(code).toMatch(handle);
  return code.replace(
    handle,
    `handle: async $1 => {
      console.log('begins ' + payload);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      $2;
    },\n`,
  );
}

let project: InstalledProject;
const running = new Set<ChildProcess>();
beforeAll(async () => {
  project = new InstalledProject();
  project.write(
    'package.json',
    JSON.stringify({ name: 'project', private: true, type: 'module', dependencies }),
  );
  for (const { name, code } of blocks) project.write(`${name}.js`, name === 'shop' ? slowed(code) : code);
  expect(await project.install('npm')).toMatchObject({ code: 0 });
});
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
  project.clear('shop.db*');
});
afterAll(() => project.remove());

async function start(program: string) {
  const child = spawn(process.execPath, [`${program}.js`], {
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
    address,
    output: () => output,
    post: async (name: string) => (await fetch(`${address}/users/${name}`, { method: 'POST' })).status,
    stop: async () => {
      child.kill('SIGTERM');
      const [code, signal] = await closed;
      running.delete(child);
      return { code, signal };
    },
  };
}

/** How many messages are in each state, after the process has ended. */
function states() {
  const shop = new DatabaseSync(project.file('shop.db'));
  const rows = shop
    .prepare('SELECT Status, count(*) AS Count FROM Outbox GROUP BY Status ORDER BY Status')
    .all();
  const held = shop.prepare('SELECT count(*) AS Held FROM Leases WHERE Owner IS NOT NULL').get()!.Held;
  shop.close();
  return { held, byStatus: Object.fromEntries(rows.map(({ Status, Count }) => [Status, Count])) };
}

/** How Nest and Node end a process after SIGTERM differs; both are a stop that was asked for. */
const stopped = [
  { code: 0, signal: null },
  { code: null, signal: 'SIGTERM' },
];

testWithSignals.each(['fastify', 'express', 'nest'])(
  'D5: %s: a request’s message is dispatched; at SIGTERM the running handler ends, and no message is claimed and no lease held',
  async (program) => {
    const app = await start(program);
    expect(await app.post('Ann')).toBe(202);
    await until('Ann is welcomed', () => app.output().includes('shop welcomes Ann'));
    expect(await app.post('Bob')).toBe(202);
    await until('the handler begins', () => app.output().includes('begins Bob'));
    expect(app.output()).not.toContain('shop welcomes Bob');
    expect(stopped).toContainEqual(await app.stop());
    expect(app.output()).toContain('shop welcomes Bob');
    expect(states()).toEqual({ held: 0, byStatus: { 2: 2 } });
  },
);

test.each(['express', 'fastify', 'hono'])(
  'S4: the console in %s: its page, its data and its acts',
  async (program) => {
    const app = await start(`console-${program}`);
    const console = `${app.address.replace(/\/$/, '')}/ops/console`;
    const own = { authorization: 'Bearer for-ann', 'sec-fetch-site': 'same-origin' };
    const page = await fetch(`${console}/`, { headers: own });
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const [, script] = /src="(\/ops\/console\/assets\/[^"]+)"/.exec(await page.text())!;
    expect((await fetch(new URL(script!, console), { headers: own })).status).toBe(200);
    expect((await fetch(`${console}/`)).status).toBe(403);
    const tenants = await fetch(`${console}/api/tenants?q=shop`, { headers: own });
    expect(await tenants.json()).toMatchObject({ rows: [{ id: 'shop' }] });
    const post = (headers: Record<string, string>) =>
      fetch(`${console}/api/tenants/shop/wake`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{}',
      });
    const woken = await post(own);
    expect([woken.status, await woken.json()]).toMatchObject([200, { id: 'shop', status: 'active' }]);
    expect((await post({ ...own, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await post({ 'sec-fetch-site': 'same-origin' })).status).toBe(403);
    const large = await fetch(`${console}/api/tenants/shop/wake`, {
      method: 'POST',
      headers: { ...own, 'content-type': 'application/json' },
      body: `{"a":"${'x'.repeat(5 * 2 ** 20)}"}`,
    }).then(
      ({ status }) => status,
      // The server may close the connection before the whole body is sent.
      () => 413,
    );
    expect(large).toBe(413);
    const { code, signal } = await app.stop();
    expect([code, signal]).toEqual([null, 'SIGTERM']);
  },
);
