/** S4: in a hosted app, which strangers reach, no route of the console answers whoever has not signed in. */
import { readAssets } from '../../../src/console/assets.ts';
import { entraAccess, KeyAccess } from '../../../src/console/hosted/index.ts';
import { type Authorize, type Right, rights } from '../../../src/console/rights.ts';
import { routeTable } from '../../../src/console/routes.ts';
import type { MultiOutbox } from '../../../src/multi-outbox.ts';
import { loadSettings } from '../../../src/settings.ts';
import { ConsoleClient, origin, type Sent } from '../../support/console-requests.ts';

const basePath = '/api/console';
const routes = routeTable(readAssets(), basePath);
const enabled = { WEBSITE_AUTH_ENABLED: 'True' };
const directory = '11111111-2222-4333-8444-abcdefabcdef';
const byEntra = (env: NodeJS.ProcessEnv = enabled, of: string | undefined = directory) =>
  entraAccess({ basePath, directory: of, env });
const secret = 'a-secret-of-32-characters-at-least';

/** A multi-outbox that fails when anything of it is used. */
const untouchable = new Proxy({} as MultiOutbox, {
  get: (_target, name) => {
    if (['status', 'worst', 'history'].includes(String(name))) return () => {};
    throw new Error(`'${String(name)}' was used by a stranger`);
  },
});

const clientOf = (authorize: Authorize) => new ConsoleClient(untouchable, { authorize, basePath });
const keyAccess = (options: Partial<ConstructorParameters<typeof KeyAccess>[0]> = {}) =>
  new KeyAccess({ secret, rights: rights, basePath, signInPath: '/api/console-sign-in', ...options });

const principal = (claims: readonly [typ: string, val: string][], more: object = {}) =>
  Buffer.from(
    JSON.stringify({
      auth_typ: 'aad',
      name_typ: 'name',
      role_typ: 'roles',
      claims: claims.map(([typ, val]) => ({ typ, val })),
      ...more,
    }),
  ).toString('base64');
const home: [string, string] = ['tid', directory];
const withRoles = (...roles: string[]) =>
  principal([home, ...roles.map((role): [string, string] => ['roles', role])]);

/** Asks for every address, and for one that does not exist, with these headers. */
async function askAll(client: ConsoleClient, headers: Record<string, string>): Promise<[string, Sent][]> {
  const addresses = routes.map(
    ({ method, path }) =>
      [method, path.replace(/:asset/, readAssets().script).replace(/:[a-z]+/g, 'acme')] as const,
  );
  return Promise.all(
    [...addresses, ['GET', '/nothing'] as const].map(async ([method, path]): Promise<[string, Sent]> => {
      const address = `${basePath}${path}`;
      const sent = await (method === 'GET'
        ? client.get(address, headers)
        : client.post(address, {}, headers));
      return [`${method} ${path}`, sent];
    }),
  );
}

const strangers: readonly [string, Record<string, string>][] = [
  ['nothing', {}],
  ['a key, which only the host may judge', { 'x-functions-key': 'any' }],
  ['an empty cookie', { cookie: '__Host-multi-outbox-console=' }],
  [
    'a cookie of the stranger’s making',
    { cookie: '__Host-multi-outbox-console=zzzzzzzz.bm9uY2U.c2lnbmF0dXJl' },
  ],
  ['a principal that is not JSON', { 'x-ms-client-principal': 'e30x' }],
  ['an empty principal', { 'x-ms-client-principal': 'e30=' }],
  [
    'a principal of another provider',
    { 'x-ms-client-principal': principal([['roles', 'multi-outbox.look']], { auth_typ: 'google' }) },
  ],
  ['a name alone', { 'x-ms-client-principal-name': 'ann@example.com', 'x-ms-client-principal-id': '1' }],
];

test.each(strangers)('S4: no route answers a stranger with %s', async (_, headers) => {
  for (const [route, { status, text, headers: answered }] of await askAll(clientOf(byEntra()), headers)) {
    // A browser that opens a page is led to the sign-in.
    expect([route, [302, 401].includes(status)]).toEqual([route, true]);
    if (status === 302) {
      expect(answered.get('location')).toBe('/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fconsole%2F');
      expect(text).toBe('');
    } else expect(JSON.parse(text).error.code).toBe('UNAUTHORIZED');
  }
  const pages = new Set<string>();
  for (const [route, { status, text, headers: answered }] of await askAll(
    clientOf(keyAccess().authorize),
    headers,
  )) {
    expect([route, status]).toEqual([route, 401]);
    if (answered.get('content-type')?.startsWith('text/html')) pages.add(text);
    else expect(JSON.parse(text).error.code).toBe('UNAUTHORIZED');
  }
  // The form is the same whatever was asked for, and names none of the console's files.
  expect(pages.size).toBe(1);
  expect([...pages][0]).not.toContain('assets');
});

test('S4: without App Service authentication anybody could send the header, so there is no console', () => {
  for (const env of [{}, { WEBSITE_AUTH_ENABLED: 'False' }, { WEBSITE_AUTH_ENABLED: '' }])
    expect(() => byEntra(env)).toThrow(/App Service authentication is not enabled/);
});

test.each<[string, string[], Right[]]>([
  ['no role', [], []],
  ['a role of another app', ['Reader', 'multi-outbox.', 'look', 'MULTI-OUTBOX.LOOK'], []],
  ['to look', ['multi-outbox.look'], ['look']],
  ['to act, which includes looking', ['multi-outbox.act'], ['look', 'act']],
  ['two roles', ['multi-outbox.payload', 'multi-outbox.destroy'], ['look', 'payload', 'destroy']],
  ['every role', rights.map((right) => `multi-outbox.${right}`), [...rights]],
])('S4: Entra ID’s app roles are the rights: %s', async (_, roles, allowed) => {
  const authorize = byEntra();
  const request = new Request(origin, { headers: { 'x-ms-client-principal': withRoles(...roles) } });
  const decided = await Promise.all(
    rights.map(async (right) => [
      right,
      await authorize(request, { right, route: 'tenants.list', tenantId: null }),
    ]),
  );
  expect(decided.filter(([, decision]) => decision !== false).map(([right]) => right)).toEqual(allowed);
});

const long = 'http://schemas.microsoft.com/identity/claims/tenantid';
test.each<[string, [string, string][], boolean]>([
  ['this directory', [['tid', directory]], true],
  ['this directory, by the claim’s long name', [[long, directory.toUpperCase()]], true],
  ['another directory', [['tid', '99999999-2222-4333-8444-abcdefabcdef']], false],
  ['no directory', [], false],
  [
    'two directories',
    [
      ['tid', directory],
      [long, '99999999-2222-4333-8444-abcdefabcdef'],
    ],
    false,
  ],
])('S4: roles count only from the directory of the app: %s', async (_, claims, counts) => {
  const header = principal([['roles', 'multi-outbox.look'], ...claims]);
  const request = new Request(origin, { headers: { 'x-ms-client-principal': header } });
  const decision = await byEntra()(request, { right: 'look', route: 'tenants.list', tenantId: null });
  expect(decision !== false).toBe(counts);
});

test('S4: without the directory of the app any directory’s roles would count, so there is no console', () => {
  const without = () => entraAccess({ basePath, directory: undefined, env: enabled });
  expect(without).toThrow(/MULTI_OUTBOX_CONSOLE_ENTRA_DIRECTORY/);
});

test('S4: whoever is signed in without a role is refused, and is not sent to sign in again', async () => {
  const client = clientOf(byEntra());
  for (const [route, { status }] of await askAll(client, { 'x-ms-client-principal': withRoles() }))
    expect([route, status]).toEqual([route, 403]);
});

test.each<[string, [string, string][], object, string]>([
  [
    'the name to sign in with',
    [
      ['name', 'Ann'],
      ['preferred_username', 'ann@example.com'],
    ],
    {},
    'ann@example.com',
  ],
  ['what the platform calls a name', [['full', 'Ann B.']], { name_typ: 'full' }, 'Ann B.'],
  ['an id', [['http://schemas.microsoft.com/identity/claims/objectidentifier', '1-2']], {}, '1-2'],
  [
    'the id beside the name, because people may change their names',
    [
      ['preferred_username', 'ann@example.com'],
      ['oid', '1-2'],
    ],
    {},
    'ann@example.com (1-2)',
  ],
  [
    'the whole id after a name that is too long',
    [
      ['name', 'x'.repeat(500)],
      ['oid', '1-2'],
    ],
    {},
    `${'x'.repeat(194)} (1-2)`,
  ],
  ['no control characters', [['name', 'A\nn\u0000n']], {}, 'Ann'],
  ['a bounded text', [['name', 'x'.repeat(500)]], {}, 'x'.repeat(200)],
])('S3: the record of acts has %s', async (_, claims, more, actor) => {
  const header = principal([home, ['roles', 'multi-outbox.look'], ...claims], more);
  const request = new Request(origin, { headers: { 'x-ms-client-principal': header } });
  const asked = { right: 'look', route: 'tenants.list', tenantId: null } as const;
  expect(await byEntra()(request, asked)).toEqual({ actor });
});

/** Signs in as the page does, and returns the cookie that a browser would send. */
async function signedIn(access: KeyAccess, at = origin): Promise<string> {
  const request = new Request(`${at}/api/console-sign-in`, {
    method: 'POST',
    headers: { 'sec-fetch-site': 'same-origin' },
  });
  const response = access.signIn(request);
  expect([response.status, await response.text()]).toEqual([204, '']);
  const [cookie, ...attributes] = response.headers.get('set-cookie')!.split('; ');
  expect(cookie).toMatch(/^__Host-/);
  expect(attributes.sort()).toEqual(['HttpOnly', 'Max-Age=3600', 'Path=/', 'SameSite=Lax', 'Secure']);
  return cookie!;
}
const sessionOf = async (access: KeyAccess, cookie: string) =>
  (await clientOf(access.authorize).get(`${basePath}/api/session`, { cookie })).json;

test('S4: a cookie lets in on every instance with the same secret, with the rights of the setting', async () => {
  const cookie = await signedIn(keyAccess({ rights: ['act'] }));
  expect(await sessionOf(keyAccess({ rights: ['act'] }), cookie)).toMatchObject({
    actor: 'function key',
    rights: ['look', 'act'],
  });
  expect(await sessionOf(keyAccess({ rights: [] }), cookie)).toMatchObject({ rights: ['look'] });
});

test('S4: a cookie ends after an hour, and is of one secret, one host and one path', async () => {
  let now = Date.now();
  const access = keyAccess({ now: () => now });
  const cookie = await signedIn(access);
  const out = { error: { code: 'UNAUTHORIZED' } };
  expect(await sessionOf(keyAccess({ secret: `${secret}2` }), cookie)).toMatchObject(out);
  expect(await sessionOf(access, await signedIn(access, 'https://other.test'))).toMatchObject(out);
  const elsewhere = keyAccess({ basePath: '/api/other' });
  expect(
    (
      await new ConsoleClient(untouchable, { authorize: elsewhere.authorize, basePath: '/api/other' }).get(
        '/api/other/api/session',
        { cookie },
      )
    ).json,
  ).toMatchObject(out);
  const [name, value] = cookie.split('=') as [string, string];
  const [until, nonce, signature] = value.split('.') as [string, string, string];
  const longer = (Number.parseInt(until, 36) + 1).toString(36);
  for (const forged of [
    `${longer}.${nonce}.${signature}`,
    `${until}.${nonce}x.${signature}`,
    `${until}.${nonce}.${signature.slice(0, -1)}`,
    `${until}.${nonce}.`,
    `${until}.${nonce}`,
    `${value}.`,
  ])
    expect(await sessionOf(access, `${name}=${forged}`)).toMatchObject(out);
  now += 3_599_999;
  expect(await sessionOf(access, cookie)).toMatchObject({ rights: [...rights] });
  now += 1;
  expect(await sessionOf(access, cookie)).toMatchObject(out);
});

test.each([undefined, 'none', 'same-site', 'cross-site'])(
  'S4: a sign-in that the page did not cause gets no cookie (Sec-Fetch-Site %s)',
  (site) => {
    const headers: Record<string, string> = site === undefined ? {} : { 'sec-fetch-site': site };
    const response = keyAccess().signIn(
      new Request(`${origin}/api/console-sign-in`, { method: 'POST', headers }),
    );
    expect([response.status, response.headers.get('set-cookie')]).toEqual([403, null]);
  },
);

test('S4: without a long secret there are no cookies', () => {
  for (const short of [undefined, '', 'x'.repeat(31)])
    expect(() => keyAccess({ secret: short })).toThrow(/MULTI_OUTBOX_CONSOLE_SECRET to at least 32/);
});

test('S4: the setting takes exactly the rights of the console', () => {
  const given = loadSettings({ functions: { consoleAllow: [...rights] } }, {});
  expect(given.functions.consoleAllow).toEqual([...rights]);
  expect(loadSettings({}, {}).functions.consoleAllow).toEqual(['look']);
});
