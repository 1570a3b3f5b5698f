/** S4: leases in the console: in pages, whatever their number, and by host. */
import { ConsoleClient } from '../../support/console-requests.ts';
import { FleetPlace } from '../../support/fleet-place.ts';

const place = new FleetPlace();
const hour = { durationMs: '1h' };

/** Leases that were taken, and released but for each hundredth. */
function addLeases(file: string, many: number): void {
  place.connection(file).exec(
    `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${many})
     INSERT INTO Leases (Name, Owner, Fence, AcquisitionId, AcquiredUtc, RenewedUtc, ExpiresUtc)
     SELECT printf('order-%06d', n), iif(n % 100 = 0, 'web-' || (n % 7) || ':1:00000000', NULL), 1,
       '00000000-0000-4000-8000-000000000000', 1767225600000 + n, 1767225600000,
       iif(n % 100 = 0, unixepoch() * 1000 + 3600000, NULL) FROM numbers`,
  );
}

test.each([
  ['registry.db', '/api/leases'],
  ['tenants/acme.db', '/api/tenants/acme/leases'],
])(
  'S4: of the leases of %s a page has at most a hundred, and all pages have all of them',
  async (file, path) => {
    const face = await place.fleet(['acme']);
    addLeases(file, 450);
    const client = new ConsoleClient(face);
    for (const [owned, wanted] of [
      ['false', Array.from({ length: 450 }, (_, index) => `order-${String(index + 1).padStart(6, '0')}`)],
      ['true', ['order-000100', 'order-000200', 'order-000300', 'order-000400']],
    ] as const) {
      const names: string[] = [];
      let after: string | null = '';
      do {
        const query = new URLSearchParams({ owned, ...(after !== '' && { after }) });
        const { json } = await client.get(`${path}?${query}`);
        expect(json.leases.length).toBeLessThanOrEqual(100);
        names.push(...json.leases.map(({ name }: { name: string }) => name));
        after = json.next;
      } while (after !== null);
      expect(names.filter((name) => name.startsWith('order-'))).toEqual(wanted);
    }
  },
);

test('S4: the pulse has the hosts of the registry’s leases, in an answer of a few lines, and an act is seen at once', async () => {
  const face = await place.fleet(['acme']);
  addLeases('registry.db', 5_000);
  await face.leases().acquire('nightly', { ...hour, owner: 'a host that hangs' });
  const client = new ConsoleClient(face);
  const { json, text } = await client.get('/api/leases-by-host');
  expect(json).toMatchObject({ hostsInAll: 8, leases: 51, isCut: false, expired: 0 });
  expect(json.oldest).toMatchObject({ name: 'order-000100', host: 'web-2:1' });
  expect(json.hosts).toHaveLength(8);
  expect(text.length).toBeLessThan(1_000);
  expect((await client.post('/api/leases/release', { name: 'nightly' })).json.released.owner).toBe(
    'a host that hangs',
  );
  expect((await client.get('/api/leases-by-host')).json).toMatchObject({ hostsInAll: 7, leases: 50 });
});

test('S4: the pulse has the host that plans, also behind the leases of a thousand jobs', async () => {
  const face = await place.fleet(['acme']);
  addLeases('registry.db', 150_000);
  place.connection('registry.db').exec(
    `UPDATE Leases SET Name = 'plan', Owner = 'web-1:42:ffffffff' WHERE Name = 'order-150000';
     UPDATE Leases SET Name = 'plan:2/2', Owner = 'web-2:42:ffffffff' WHERE Name = 'order-149900'`,
  );
  const { json } = await new ConsoleClient(face).get('/api/leases-by-host');
  expect(json).toMatchObject({ hostsInAll: 9, leases: 1_002, isCut: true });
  expect(json.hosts.slice(0, 2)).toEqual([
    { host: 'web-1:42', leases: 1, first: 'plan' },
    { host: 'web-2:42', leases: 1, first: 'plan:2/2' },
  ]);
});

test('S4: pages that are open at the same time read the leases once', async () => {
  const face = await place.fleet(['acme']);
  let reads = 0;
  const leases = () => {
    const own = face.leases();
    return {
      ...own,
      list(query: object) {
        reads++;
        return own.list(query);
      },
    };
  };
  const client = new ConsoleClient({ ...face, leases });
  await Promise.all(Array.from({ length: 20 }, () => client.get('/api/leases-by-host')));
  expect(reads).toBe(1);
});

test.each([
  ['registry.db', '/api/leases'],
  ['tenants/acme.db', '/api/tenants/acme/leases'],
])('S4: every name that a lease of %s may have is paged and released', async (file, path) => {
  const face = await place.fleet(['acme']);
  const leases = path === '/api/leases' ? face.leases() : face.leases('acme');
  const names = ['a\u0080b', 'a\u009f', ' blank ', 'é😀', 'x'.repeat(200)];
  for (const name of names) await leases.acquire(name, { ...hour, owner: 'web-1' });
  // As only another program names one.
  const sql = "UPDATE Leases SET Name = 'a' || char(9) || char(127) WHERE Name = ' blank '";
  place.connection(file).exec(sql);
  names[2] = 'a\t\u007f';
  const client = new ConsoleClient(face);
  for (const name of names) {
    const { status, json } = await client.get(`${path}?${new URLSearchParams({ after: name })}`);
    expect([status, json.leases.map((each: { name: string }) => each.name)]).toEqual([
      200,
      names.filter((each) => each > name).sort(),
    ]);
    const released = await client.post(`${path}/release`, { name });
    expect([released.status, released.json]).toMatchObject([200, { released: { name, owner: 'web-1' } }]);
  }
  for (const name of ['', 'x'.repeat(201), '\ud800', 7, null])
    expect((await client.post(`${path}/release`, { name })).status).toBe(400);
});

test.each(['owned=yes', 'limit=1000', 'after=', `after=${'x'.repeat(201)}`, 'owned=true&owned=false'])(
  'S4: the leases do not take %s',
  async (query) => {
    const client = new ConsoleClient(await place.fleet(['acme']));
    expect((await client.get(`/api/leases?${query}`)).status).toBe(400);
    expect((await client.get(`/api/tenants/acme/leases?${query}`)).status).toBe(400);
  },
);
