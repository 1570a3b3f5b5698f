/** S4: what other sites, foreign names and odd parameters can do to the console: nothing. */
import { ConsoleClient } from '../../support/console-requests.ts';
import { FleetPlace } from '../../support/fleet-place.ts';

const place = new FleetPlace();
let client: ConsoleClient;
beforeEach(async () => {
  client = new ConsoleClient(await place.fleet(['acme', 'globex']));
});

const pageHeaders = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

test.each(['cross-site', 'same-site'])('S4: a request that a %s page causes gets no data', async (site) => {
  const foreign = { 'sec-fetch-site': site };
  expect((await client.get('/api/tenants', foreign)).status).toBe(403);
  expect((await client.get('/api/tenants', { ...foreign, ...pageHeaders })).status).toBe(403);
  expect(
    (await client.get('/tenants', { ...foreign, 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate' }))
      .status,
  ).toBe(403);
  // A link in a chat opens the page, which has no data in it.
  expect((await client.get('/tenants', { ...foreign, ...pageHeaders })).status).toBe(200);
});

test('S4: a name that is not one of the hosts is refused (DNS rebinding)', async () => {
  const bound = new ConsoleClient(place.face(), { hosts: ['console.example.com'] });
  expect(await bound.get('/api/tenants')).toMatchObject({ status: 421 });
  const right = new ConsoleClient(place.face(), { hosts: ['Console.test'] });
  expect(await right.get('/api/tenants')).toMatchObject({ status: 200 });
});

test.each([
  ['/api/tenants?after=1&after=2', 400],
  ['/api/tenants?limit=0', 400],
  ['/api/tenants?limit=101', 400],
  ['/api/tenants?limit=1e2', 400],
  ['/api/tenants?sort=__proto__', 400],
  ['/api/tenants?__proto__=1', 400],
  ['/api/tenants?toString=1', 400],
  ['/api/tenants?q=is:constructor', 400],
  ['/api/tenants?q=constructor:x', 400],
  [`/api/tenants?q=${'a'.repeat(501)}`, 400],
  [`/api/tenants?q=${'a+'.repeat(100)}`, 400],
  ['/api/tenants?q=%00', 400],
  ['/api/tenants?unknown=1', 400],
  ['/api/tenants/acme?tenant=globex', 400],
  ['/api/tenants/acme%2F..%2Fglobex', 400],
  ['/api/tenants/%3Cscript%3E', 400],
  ['/api/tenants/ACME', 400],
  ['/api/tenants/%', 404],
  ['/api/tenants/', 400],
  ['/api//tenants', 404],
  ['/api/tenants/nobody', 404],
  ['/api/tenants-activity?ids=', 400],
  [`/api/tenants-activity?ids=${'a,'.repeat(101)}a`, 400],
  ['/assets/assets.json', 400],
  ['/assets/..%2Fcli.js', 400],
  ['/assets/page-00000000.js', 404],
  [`/${'a'.repeat(9_000)}`, 414],
])('S4: GET %.60s is answered with %i, without an echo', async (path, status) => {
  const sent = await client.get(path);
  expect(sent.status).toBe(status);
  expect(sent.text).not.toMatch(/__proto__|%3C|<script>|aaaa/);
  expect(sent.headers.get('content-type')).toContain('application/json');
});

test.each(['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'])(
  'S4: %s on an address that is read is refused',
  async (method) => {
    const own = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
    expect((await client.send('/api/tenants', { method, headers: own })).status).toBe(405);
    // Without the header that a browser sends, it is not from the page.
    expect((await client.send('/api/tenants', { method })).status).toBe(403);
  },
);

test('S4: every response forbids what the page does not need', async () => {
  for (const path of ['/', '/tenants', '/api/tenants', '/api/nothing', '/api/tenants?limit=0']) {
    const { headers } = await client.get(path);
    const policy = headers.get('content-security-policy');
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ])
      expect(policy).toContain(part);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toMatch(/no-cache|no-store/);
  }
});

test('S4: the page is the same for every address, and its files are for ever', async () => {
  const [one, other] = [await client.get('/'), await client.get('/tenants/acme')];
  expect(one.text).toBe(other.text);
  const files = [...one.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file!);
  expect(files).toHaveLength(3);
  for (const file of files)
    expect((await client.get(file)).headers.get('cache-control')).toBe(
      'private, max-age=31536000, immutable',
    );
  // Nothing in the document runs, so that the policy needs no exception.
  expect(one.text).not.toMatch(/<script>|<style|style=| on[a-z]+=/);
});

test('below a base path, everything is below it', async () => {
  const based = new ConsoleClient(place.face(), { basePath: '/ops/console' });
  const { text } = await based.get('/ops/console');
  for (const [, address] of text.matchAll(/(?:src|href)="([^"]+)"/g)) {
    expect(address).toMatch(/^\/ops\/console\/assets\//);
    expect((await based.get(address!)).status).toBe(200);
  }
  expect((await based.get('/ops/console/api/tenants')).status).toBe(200);
  expect((await based.get('/api/tenants')).status).toBe(404);
  expect((await based.get('/ops/console-other/api/tenants')).status).toBe(404);
  expect(() => new ConsoleClient(place.face(), { basePath: '/a"><script>' })).toThrow(/'basePath' must be/);
});

test('an answer that has not changed is not sent again, and says as of when it holds', async () => {
  const first = await client.get('/api/tenants/acme');
  const etag = first.headers.get('etag')!;
  const again = await client.get('/api/tenants/acme', { 'if-none-match': etag });
  expect(again).toMatchObject({ status: 304, text: '' });
  const asOf = (sent: typeof first) => Date.parse(sent.headers.get('console-as-of')!);
  expect(asOf(again)).toBeGreaterThanOrEqual(asOf(first));
  await place.face().tenants.pause('acme');
  expect(await client.get('/api/tenants/acme', { 'if-none-match': etag })).toMatchObject({
    status: 200,
    json: { status: 'paused' },
  });
});

test('S4: the setting that holds a secret is not named', async () => {
  const auth = JSON.stringify({ kind: 'setting', name: 'SECRET_OF_ACME' });
  place.connection('registry.db').exec(`UPDATE Tenants SET Auth = '${auth}' WHERE Id = 'acme'`);
  expect((await place.face().tenants.get('acme')).auth).toMatchObject({ name: 'SECRET_OF_ACME' });
  for (const path of ['/api/tenants/acme', '/api/tenants', '/api/tenants.csv', '/api/tenants?q=acme'])
    expect((await client.get(path)).text).not.toMatch(/SECRET_OF|"auth"/);
});

test('S4: of the sources, their names are shown, and not the settings that hold their secrets', async () => {
  const about = await new ConsoleClient(place.face(), {
    settings: { receive: { sources: 'bank=SECRET_OF_BANK, shop=SECRET_OF_SHOP' } },
  }).get('/api/about');
  expect(about.text).not.toContain('SECRET_OF');
  const { settings } = about.json as { settings: { option: string; value: unknown }[] };
  expect(settings.find(({ option }) => option === 'receive.sources')?.value).toEqual(['bank', 'shop']);
});
