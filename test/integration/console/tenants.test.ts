/** S4: the table of tenants: order, filter, pages by key, CSV. */
import type { TenantRow } from '../../../src/console/tenants/tenant-row.ts';
import { consoleFleet, markup } from '../../support/console-fleet.ts';
import { ConsoleClient } from '../../support/console-requests.ts';
import { FleetPlace, noting } from '../../support/fleet-place.ts';
import { addManyTenants } from '../../support/many-tenants.ts';
import { until } from '../../support/until.ts';

const place = new FleetPlace();

const ids = (sent: { json: { rows: TenantRow[] } }) => sent.json.rows.map(({ id }) => id);

test('S4: troubles made by real runs are found by their words', async () => {
  const { multiOutbox } = await consoleFleet(place.folder);
  const client = new ConsoleClient(multiOutbox);
  const found = async (q: string) => ids(await client.get(`/api/tenants?q=${encodeURIComponent(q)}`));
  expect(await found('is:dead')).toEqual(['globex', 'hostile']);
  expect(await found('is:parked')).toEqual(['umbrella']);
  expect(await found('is:failing')).toEqual(['tyrell']);
  expect(await found('is:failing-topics')).toEqual(['globex', 'hostile', 'initech', 'stark']);
  expect(await found('is:blocked')).toEqual(['hostile', 'stark']);
  expect(await found('status:paused')).toEqual(['hooli']);
  expect(await found('status:retired')).toEqual(['massive']);
  expect(await found('is:never-run')).toEqual(['zorg']);
  expect(await found('error:DATABASE_MISSING')).toEqual(['tyrell']);
  expect(await found('tag:region=EU -tag:tier')).toEqual(['zorg']);
  expect(await found('is:dead -id:glob')).toEqual(['hostile']);
  expect(await found('nobody')).toEqual([]);

  const worst = (await client.get('/api/pulse/worst')).json;
  expect(worst.tenants[0].id).toBe('tyrell');
  expect((await client.get('/api/pulse')).json).toMatchObject({
    tenants: { active: 20, paused: 1, retired: 1 },
    withDead: 2,
    stored: { dead: 42, parked: 12 },
  });
  const summary = (await client.get('/api/tenants-summary')).json;
  expect(summary).toMatchObject({ total: 22, conditions: { dead: 2, parked: 1 } });
  expect(summary.words).toContainEqual({ word: 'tag:region=eu', count: 8 });

  const activity = (await client.get('/api/tenants-activity?ids=globex,acme,nobody')).json;
  expect(Object.keys(activity).sort()).toEqual(['acme', 'globex']);
  expect(activity.globex.failed.at(-1) + activity.globex.failed.at(-2)).toBe(41);

  const csv = await client.get('/api/tenants.csv?q=is:dead&sort=dead&desc=true');
  expect(csv.headers.get('content-disposition')).toBe('attachment; filename="tenants.csv"');
  const lines = csv.text.trimEnd().split('\r\n');
  expect(lines).toHaveLength(3);
  expect(lines[1]).toMatch(/^globex,active,.*,41,/);
  expect(csv.text).toContain(markup.replaceAll('"', '""'));
  await multiOutbox.close();
});

test('S4: a cell of the CSV that begins like a formula is text', async () => {
  const face = await place.fleet([]);
  await face.tenants.add({ id: 'acme', database: '=cmd|calc' });
  const { text } = await new ConsoleClient(face).get('/api/tenants.csv');
  expect(text).toContain(",'=cmd|calc,");
});

test.each([
  ['id', 'false'],
  ['id', 'true'],
  ['failing', 'false'],
  ['failing', 'true'],
])('S4: pages by key, sorted by %s (descending: %s), have each of 350 tenants once', async (sort, desc) => {
  const face = await place.fleet(['acme']);
  addManyTenants(place.file('registry.db'), 349);
  const client = new ConsoleClient(face);
  const seen: TenantRow[] = [];
  let after = '';
  do {
    const { json } = await client.get(
      `/api/tenants?sort=${sort}&desc=${desc}${after && `&after=${encodeURIComponent(after)}`}`,
    );
    expect(json.rows.length).toBeLessThanOrEqual(100);
    seen.push(...json.rows);
    after = json.next ?? '';
  } while (after !== '');
  expect(new Set(seen.map(({ id }) => id)).size).toBe(350);
  const keys = seen.map((row) => (sort === 'id' ? row.id : row.failureStreak));
  const sorted = [...keys].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  expect(keys).toEqual(desc === 'true' ? sorted.reverse() : sorted);
});

test('S4: a page by id reads only its own rows of the registry, and no other', async () => {
  const face = await place.fleet(['acme']);
  addManyTenants(place.file('registry.db'), 10_000);
  const asked: unknown[] = [];
  const tenants = {
    ...face.tenants,
    list(query: object) {
      asked.push(query);
      return face.tenants.list(query);
    },
  };
  const client = new ConsoleClient({ ...face, tenants });
  expect((await client.get('/api/tenants?after=~t005000')).json.rows[0].id).toBe('t005001');
  expect(asked).toEqual([{ after: 't005000', limit: 101 }]);
});

test('S4: many pages that are open at once read the registry once', async () => {
  const face = await place.fleet(['acme', 'globex']);
  let reads = 0;
  const tenants = {
    ...face.tenants,
    list(query: object) {
      reads++;
      return face.tenants.list(query);
    },
  };
  const client = new ConsoleClient({ ...face, tenants });
  await Promise.all(Array.from({ length: 20 }, () => client.get('/api/tenants?q=acme')));
  expect(reads).toBe(1);
});

test('S4: a row whose id fits no address is shown, and the pages behind it too', async () => {
  const face = await place.fleet(['acme', 'globex', 'initech']);
  place.connection('registry.db').exec(`UPDATE Tenants SET Id = 'Odd, <b>"' WHERE Id = 'globex'`);
  const client = new ConsoleClient(face);
  for (const sort of ['id', 'failing', 'lastRun']) {
    const seen: string[] = [];
    let after = '';
    do {
      const sent = await client.get(
        `/api/tenants?limit=1&sort=${sort}${after && `&after=${encodeURIComponent(after)}`}`,
      );
      expect([sort, sent.status]).toEqual([sort, 200]);
      seen.push(...ids(sent));
      after = sent.json.next ?? '';
    } while (after !== '');
    expect([sort, seen.sort()]).toEqual([sort, ['Odd, <b>"', 'acme', 'initech']]);
  }
});

test('S4: as of when a number holds is the time of the registry, not of this host', async () => {
  const face = await place.fleet(['acme'], { handlers: noting().handlers });
  await face.tick();
  const registryUtc = Date.UTC(2031, 0, 1);
  const ahead = {
    ...face,
    async status() {
      const summary = await face.status();
      const lastPlan = { ...summary.lastPlan!, utc: new Date(registryUtc - 60_000), ageMs: 60_000 };
      return { ...summary, lastPlan };
    },
  };
  const client = new ConsoleClient(ahead);
  for (const path of [
    '/api/pulse',
    '/api/tenants',
    '/api/tenants?q=acme',
    '/api/tenants/acme',
    '/api/audit',
  ]) {
    const asOf = Date.parse((await client.get(path)).headers.get('console-as-of')!);
    expect([path, asOf - registryUtc < 30_000 && asOf >= registryUtc]).toEqual([path, true]);
  }
});

test('S4: the pulse is not sent again while only time has passed', async () => {
  const face = await place.fleet(['acme', 'globex'], { handlers: noting().handlers });
  await face.tick();
  await face.outbox('acme').enqueue({ topic: 'nobody takes it', payload: '1' });
  await face.tick();
  const first = await new ConsoleClient(face).get('/api/pulse');
  expect(first.json.stored).toMatchObject({ parked: 1, oldestCountUtc: expect.any(String) });
  // A console of its own reads the registry again.
  const startedAt = Date.now();
  await until('the clock goes on', async () => Date.now() > startedAt + 5);
  const again = await new ConsoleClient(face).get('/api/pulse', {
    'if-none-match': first.headers.get('etag')!,
  });
  expect(again).toMatchObject({ status: 304, text: '' });
  expect(Date.parse(again.headers.get('console-as-of')!)).toBeGreaterThan(
    Date.parse(first.headers.get('console-as-of')!),
  );
});
