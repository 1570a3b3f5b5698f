/** S4: the console of the function app, in the bundle, under a stand-in for the Functions host. */
import { type Browser, chromium } from 'playwright-core';
import { Azurite } from '../../support/azurite.ts';
import { browserPath } from '../../support/console-browser.ts';
import { markup } from '../../support/console-fleet.ts';
import { FunctionsApp, type Instance } from '../../support/functions-app.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await Azurite.start();
});
afterAll(() => azurite?.stop());
const app = new FunctionsApp(() => azurite);

const key = 'the-function-key';
const secret = 'a-secret-of-32-characters-at-least';
const byKey = {
  MULTI_OUTBOX_CONSOLE: 'key',
  MULTI_OUTBOX_CONSOLE_ALLOW: 'act',
  MULTI_OUTBOX_CONSOLE_SECRET: secret,
  TEST_FUNCTION_KEY: key,
};
const directory = '11111111-2222-4333-8444-abcdefabcdef';
const byEntra = {
  MULTI_OUTBOX_CONSOLE: 'entra',
  MULTI_OUTBOX_CONSOLE_ENTRA_DIRECTORY: directory,
  WEBSITE_AUTH_ENABLED: 'True',
};

/** As the page's own requests. */
const own = { 'sec-fetch-site': 'same-origin' };
const get = (instance: Instance, path: string, headers: Record<string, string> = {}) =>
  instance.fetch(`console${path}`, { headers: { ...own, ...headers }, redirect: 'manual' });
const act = (instance: Instance, path: string, headers: Record<string, string> = {}) =>
  instance.fetch(`console${path}`, {
    method: 'POST',
    headers: { ...own, 'content-type': 'application/json', ...headers },
    body: '{}',
  });
const signIn = (instance: Instance, headers: Record<string, string>) =>
  instance.fetch('console-sign-in', { method: 'POST', headers });
const principal = (...roles: string[]) => ({
  'x-ms-client-principal': btoa(
    JSON.stringify({
      auth_typ: 'aad',
      role_typ: 'roles',
      claims: [
        { typ: 'tid', val: directory },
        { typ: 'preferred_username', val: 'ann@example.com' },
        ...roles.map((val) => ({ typ: 'roles', val })),
      ],
    }),
  ),
});

test('S4: there is no console unless a setting asks for one', async () => {
  await app.tenants('acme');
  const instance = await app.start();
  expect((await get(instance, '/', principal('multi-outbox.look'))).status).toBe(404);
  expect((await signIn(instance, own)).status).toBe(404);
});

test('S4: a function key becomes a cookie, which lets the page and its acts in, and nothing else does', async () => {
  await app.tenants('acme');
  const instance = await app.start(byKey);
  const anonymous = instance.functions.find(({ name }) => name === 'console')!;
  expect(anonymous.bindings[0]).toMatchObject({ authLevel: 'anonymous', route: 'console/{*path}' });
  for (const path of ['', '/', '/tenants', '/tenants/acme']) {
    const page = await get(instance, path);
    expect([path, page.status]).toEqual([path, 401]);
    expect(await page.text()).toContain('<label for="key">');
  }
  for (const path of ['/api/session', '/api/tenants', '/assets/page.js', '/nothing'])
    expect([path, (await get(instance, path, { 'x-functions-key': key })).status]).toEqual([path, 401]);
  expect((await get(instance, `/api/tenants?code=${key}`)).status).toBe(401);
  expect((await act(instance, '/api/tenants/acme/pause')).status).toBe(401);

  expect((await signIn(instance, own)).status).toBe(401);
  expect((await signIn(instance, { ...own, 'x-functions-key': 'another' })).status).toBe(401);
  expect((await signIn(instance, { 'x-functions-key': key })).status).toBe(403);
  const entered = await signIn(instance, { ...own, 'x-functions-key': key });
  expect(entered.status).toBe(204);
  const [cookie] = entered.headers.get('set-cookie')!.split(';') as [string];
  expect(cookie).not.toContain(key);

  const page = await get(instance, '/', { cookie });
  expect([page.status, page.headers.get('content-security-policy')]).toEqual([
    200,
    expect.stringContaining("script-src 'self'"),
  ]);
  const [, script] = /src="\/api\/console(\/assets\/[^"]+\.js)"/.exec(await page.text())!;
  expect((await get(instance, script!, { cookie })).headers.get('content-type')).toContain('text/javascript');
  const tenants = await get(instance, '/api/tenants', { cookie });
  expect(await tenants.json()).toMatchObject({ rows: [{ id: 'acme', status: 'active' }] });
  const etag = tenants.headers.get('etag')!;
  expect((await get(instance, '/api/tenants', { cookie, 'if-none-match': etag })).status).toBe(304);
  expect((await act(instance, '/api/tenants/acme/pause', { cookie })).status).toBe(200);
  expect(await app.library.tenants.get('acme')).toMatchObject({ status: 'paused' });
  const [row] = (await (await get(instance, '/api/audit', { cookie })).json()) as object[];
  expect(row).toMatchObject({ actor: 'function key', act: 'tenant-pause', tenantId: 'acme' });
  const tooMuch = await instance.fetch('console/api/tenants/acme/overrides', {
    method: 'POST',
    headers: { ...own, cookie, 'content-type': 'application/json' },
    body: JSON.stringify({ overrides: {}, version: 1 }),
  });
  expect(tooMuch.status).toBe(403);
  const foreign = { cookie, 'sec-fetch-site': 'cross-site' };
  expect((await act(instance, '/api/tenants/acme/resume', foreign)).status).toBe(403);
  expect(instance.output + JSON.stringify(instance.invocations)).not.toContain(secret);
});

test('S4: a body is read only of whoever is let in, and a longer one than 4 MiB is refused', async () => {
  await app.tenants('acme');
  const instance = await app.start(byKey);
  const send = (headers: Record<string, string>) =>
    instance.fetch('console/api/tenants/acme/pause', {
      method: 'POST',
      headers: { ...own, 'content-type': 'application/json', ...headers },
      body: `{"reason":"${'x'.repeat(5 * 2 ** 20)}"}`,
    });
  expect((await send({})).status).toBe(401);
  expect((await send({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  const entered = await signIn(instance, { ...own, 'x-functions-key': key });
  const [cookie] = entered.headers.get('set-cookie')!.split(';') as [string];
  const refused = await send({ cookie });
  expect([refused.status, await refused.json()]).toMatchObject([413, { error: { code: 'TOO_LARGE' } }]);
  expect((await act(instance, '/api/tenants/acme/pause', { cookie })).status).toBe(200);
});

test('S4: Entra ID’s roles decide, and whoever is not signed in is led to the sign-in', async () => {
  await app.tenants('acme');
  const instance = await app.start(byEntra);
  const page = await get(instance, '/tenants');
  expect([page.status, page.headers.get('location')]).toEqual([
    302,
    '/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fconsole%2F',
  ]);
  expect((await get(instance, '/api/tenants')).status).toBe(401);
  expect((await get(instance, '/', principal())).status).toBe(403);
  const looking = principal('multi-outbox.look');
  expect((await get(instance, '/', looking)).status).toBe(200);
  expect((await act(instance, '/api/tenants/acme/pause', looking)).status).toBe(403);
  expect((await act(instance, '/api/tenants/acme/pause', principal('multi-outbox.act'))).status).toBe(200);
  const [row] = (await (await get(instance, '/api/audit', looking)).json()) as object[];
  expect(row).toMatchObject({ actor: 'ann@example.com', act: 'tenant-pause' });
  expect(instance.functions.map(({ name }) => name)).not.toContain('console-sign-in');
});

test.each<[string, Record<string, string>, RegExp]>([
  [
    'entra without App Service authentication',
    { ...byEntra, WEBSITE_AUTH_ENABLED: '' },
    /authentication is not enabled/,
  ],
  [
    'entra without the directory of the app',
    { ...byEntra, MULTI_OUTBOX_CONSOLE_ENTRA_DIRECTORY: '' },
    /MULTI_OUTBOX_CONSOLE_ENTRA_DIRECTORY/,
  ],
  ['key without a secret', { MULTI_OUTBOX_CONSOLE: 'key' }, /MULTI_OUTBOX_CONSOLE_SECRET/],
  [
    'key with a short secret',
    { MULTI_OUTBOX_CONSOLE: 'key', MULTI_OUTBOX_CONSOLE_SECRET: 'short' },
    /at least 32 random characters/,
  ],
])(
  'S4: %s: the console answers nobody, says why in the log, and the rest of the app works',
  async (_, settings, why) => {
    await app.tenants('acme');
    const instance = await app.start(settings);
    const refused = await get(instance, '/', principal('multi-outbox.look'));
    expect([refused.status, await refused.json()]).toEqual([
      500,
      expect.objectContaining({ code: 'INVALID_CONFIGURATION' }),
    ]);
    expect(JSON.stringify(instance.of('console'))).toMatch(why);
    expect((await instance.fetch('health/ready')).status).toBe(200);
  },
);

if (browserPath === undefined)
  test.skip('SKIPPED: there is no Chromium here; install it (apt-get install chromium) or name it in CHROMIUM', () => {});
else
  describe('in a real browser', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: browserPath!, args: ['--no-sandbox'] });
    });
    afterAll(() => browser?.close());

    test('S4: a wrong key is refused on the page; the right one opens the console, and is kept nowhere', async () => {
      await app.tenants('acme', 'hostile');
      await app.library.tenants.change({ id: 'hostile', tags: { note: markup } });
      const instance = await app.start(byKey);
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => {
        // The browser logs the answers 401 itself.
        if (!message.text().includes('401')) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(`${instance.origin}/api/console/tenants`);
      await page.getByLabel('Function key').fill('another key');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').getByText('The key is not one of this app.').waitFor();
      await page.getByLabel('Function key').fill(key);
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'acme' }).waitFor();
      await page.getByText(markup).waitFor();
      expect(await page.title()).not.toBe('attacked');
      expect(page.url()).toBe(`${instance.origin}/api/console/tenants`);
      expect(
        await page.evaluate('document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })'),
      ).not.toContain(key);
      expect(await page.context().cookies()).toMatchObject([
        { httpOnly: true, secure: true, sameSite: 'Lax', path: '/' },
      ]);
      expect(complaints).toEqual([]);
      await page.close();
    });
  });
