/** S4: the console on this computer: never open by default, and only looking unless allowed. */
import { request } from 'node:http';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;
beforeEach(async () => {
  folder = cliFolder();
  await folder.json(['migrate']);
  await folder.json(['tenants', 'add', 'acme']);
});
afterEach(() => folder.remove());

async function start(args: readonly string[] = []) {
  const running = folder.start(['ui', '--json', ...args]);
  await running.until(({ stdout }) => stdout.includes('\n'));
  const { url, rights } = JSON.parse(running.output().stdout) as { url: string; rights: string[] };
  return { running, rights, url: new URL(url) };
}

interface Got {
  readonly status: number | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

/** A request with headers that `fetch` does not let a caller set. */
function get(url: URL, headers: Record<string, string> = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    request(url, { headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    })
      .on('error', reject)
      .end();
  });
}

test('S4: the printed address opens the console once; its cookie is for its path, and for no script', async () => {
  const { running, url, rights } = await start();
  expect(rights).toEqual(['look']);
  expect(url.hostname).toBe('127.0.0.1');
  const base = url.pathname;
  expect(base).toMatch(/^\/[\w-]{12}\/$/);

  const entered = await get(url);
  expect(entered).toMatchObject({ status: 303, headers: { location: base } });
  const [cookie] = entered.headers['set-cookie'] as string[];
  expect(cookie).toMatch(
    new RegExp(`^multi-outbox-console=[\\w-]{43}; Path=${base}; HttpOnly; SameSite=Lax$`),
  );
  expect((await get(url)).status).toBe(401);

  const own = { cookie: cookie!.split(';')[0]! };
  const api = new URL(`${base}api/tenants`, url);
  expect((await get(api)).status).toBe(401);
  expect((await get(api, { cookie: 'multi-outbox-console=x' })).status).toBe(401);
  const sent = await get(api, own);
  expect(sent.status).toBe(200);
  expect(JSON.parse(sent.text).rows).toMatchObject([{ id: 'acme', status: 'active' }]);
  // A name of an attacker's that leads to 127.0.0.1.
  expect((await get(api, { ...own, host: `evil.example:${url.port}` })).status).toBe(421);
  expect((await get(api, { ...own, host: `localhost:${url.port}` })).status).toBe(200);
  expect((await get(api, { ...own, host: 'a b' })).status).toBe(400);
  expect((await get(api, { ...own, 'sec-fetch-site': 'same-site' })).status).toBe(403);
  // No part of the console answers outside its path.
  for (const path of ['/', '/api/tenants', '/assets/page.js', '/favicon.ico'])
    expect((await get(new URL(path, url), own)).status).toBe(404);
  expect((await get(new URL('/', url))).status).toBe(401);

  running.kill('SIGTERM');
  expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
});

test('S4: --allow names the rights', async () => {
  const { running, rights } = await start(['--allow', 'act,payload']);
  expect(rights).toEqual(['look', 'payload', 'act']);
  running.kill('SIGINT');
  expect((await running.ended).code).toBe(0);
  const wrong = await folder.cli(['ui', '--allow', 'everything']);
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.stderr).toContain('look, payload, act, destroy, configure');
});

/** Opens a printed address, and returns a function that reads paths of its API. */
async function entered(printed: URL) {
  const [cookie] = (await get(printed)).headers['set-cookie'] as string[];
  const own = { cookie: cookie!.split(';')[0]! };
  return async (path: string) => {
    const { status, text } = await get(new URL(`${printed.pathname}api/${path}`, printed), own);
    return { status, json: JSON.parse(text) };
  };
}

const registryIn = (settings: { option: string }[]) => settings.find(({ option }) => option === 'registry');

test('S4: the page About knows the options of the command', async () => {
  const { running, url } = await start(['--registry', 'sqlite:.data/registry.db']);
  const read = await entered(url);
  expect(registryIn((await read('about')).json.settings)).toMatchObject({
    value: 'sqlite:.data/registry.db',
    source: 'option',
  });
  running.kill('SIGTERM');
  await running.ended;
});

test('S4: run --ui serves the console beside the host, and the log does not have its address', async () => {
  const host = folder.start([
    'run',
    '--json',
    '--ui',
    '0',
    '--allow',
    'act',
    '--registry',
    'sqlite:.data/registry.db',
  ]);
  await host.until(({ stdout }) => stdout.includes('\n'));
  const { url, rights } = JSON.parse(host.output().stdout.split('\n')[0]!) as {
    url: string;
    rights: string[];
  };
  expect(rights).toEqual(['look', 'act']);
  const read = await entered(new URL(url));
  expect((await read('session')).json.rights).toEqual(['look', 'act']);
  expect(registryIn((await read('about')).json.settings)).toMatchObject({ source: 'option' });
  await host.until(({ stderr }) => stderr.includes('Dispatching'));
  host.kill('SIGTERM');
  const { code, stderr } = await host.ended;
  expect(code).toBe(0);
  expect(stderr).not.toContain('token');
  await expect(fetch(url)).rejects.toThrow();

  const alone = await folder.cli(['run', '--allow', 'act']);
  expect(alone).toMatchObject({ code: 2 });
  expect(alone.stderr).toContain('give --ui too');
});

test('a port that is taken, and a registry that is missing, are errors of the command', async () => {
  const { running, url } = await start();
  const taken = await folder.cli(['ui', '--port', url.port]);
  expect(taken).toMatchObject({ code: 2 });
  expect(taken.stderr).toContain(`cannot listen on 127.0.0.1:${url.port}; choose another port`);
  running.kill('SIGTERM');
  await running.ended;
  const unsafe = await folder.cli(['ui', '--port', '6000']);
  expect(unsafe).toMatchObject({ code: 2 });
  expect(unsafe.stderr).toContain('browsers refuse this port');
  expect(await folder.cli(['ui', '--port', '65536'])).toMatchObject({ code: 2 });
  const missing = await folder.cli(['ui', '--registry', 'sqlite:missing.db']);
  expect(missing.code).toBe(1);
  expect(missing.stdout).toBe('');
});
