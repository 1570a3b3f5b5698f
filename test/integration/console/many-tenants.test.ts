/** S3, S4: acts on many tenants through the console, and what the console reads again after an act. */
import { MultiOutboxError } from '../../../src/errors.ts';
import type { MultiOutbox } from '../../../src/multi-outbox.ts';
import { defineHandler, PermanentError } from '../../../src/queue/handler.ts';
import { ConsoleClient } from '../../support/console-requests.ts';
import { FleetPlace } from '../../support/fleet-place.ts';
import { addManyTenants } from '../../support/many-tenants.ts';

const place = new FleetPlace();

const statuses = async (face: MultiOutbox) =>
  Object.fromEntries((await face.tenants.list()).map(({ id, status }) => [id, status]));
const acts = async (client: ConsoleClient) =>
  (await client.get('/api/audit')).json.map(({ actor, act, tenantId, count }: Record<string, unknown>) =>
    [actor, act, tenantId, count].join(' '),
  );

test('S3: an act on many tenants changes those that it is for, names the others, and each has a row in the record', async () => {
  const face = await place.fleet(['acme', 'globex', 'initech', 'umbrella']);
  await face.tenants.pause('globex', { by: 'somebody else' });
  await face.tenants.remove('umbrella', { by: 'somebody else' });
  const client = new ConsoleClient(face, { authorize: () => ({ actor: 'kim' }) });
  const ids = ['acme', 'globex', 'initech', 'umbrella', 'nobody', 'acme'];
  const paused = await client.post('/api/tenants-act', { act: 'pause', ids });
  expect(paused.json).toEqual({
    changed: 2,
    left: [
      { id: 'globex', code: 'TENANT_NOT_ACTIVE', message: expect.any(String) },
      { id: 'umbrella', code: 'TENANT_NOT_ACTIVE', message: expect.any(String) },
      { id: 'nobody', code: 'UNKNOWN_TENANT', message: expect.any(String) },
    ],
  });
  const all = { acme: 'paused', globex: 'paused', initech: 'paused', umbrella: 'retired' };
  expect(await statuses(face)).toEqual(all);
  expect((await client.post('/api/tenants-act', { act: 'wake', ids: ['acme'] })).json.changed).toBe(0);
  const resumed = await client.post('/api/tenants-act', { act: 'resume', ids: ['acme', 'globex'] });
  expect(resumed.json).toEqual({ changed: 2, left: [] });
  expect((await client.post('/api/tenants-act', { act: 'wake', ids: ['acme'] })).json.changed).toBe(1);
  expect(await statuses(face)).toEqual({ ...all, acme: 'active', globex: 'active' });
  const rows = (await acts(client)).filter((row: string) => row.startsWith('kim'));
  expect(rows.sort()).toEqual([
    'kim tenant-pause acme 1',
    'kim tenant-pause initech 1',
    'kim tenant-resume acme 1',
    'kim tenant-resume globex 1',
    'kim tenant-wake acme 1',
  ]);
});

test.each([
  { act: 'pause', ids: [] },
  { act: 'pause', ids: Array.from({ length: 101 }, (_, number) => `t${number}`) },
  { act: 'remove', ids: ['acme'] },
  { act: 'constructor', ids: ['acme'] },
  { act: 'pause', ids: ['ACME'] },
  { act: 'pause', ids: ['acme'], by: 'somebody else' },
  { act: 'pause' },
])('S4: an act on many tenants does not take %j', async (body) => {
  const face = await place.fleet(['acme']);
  expect(await new ConsoleClient(face).post('/api/tenants-act', body)).toMatchObject({ status: 400 });
  expect(await statuses(face)).toEqual({ acme: 'active' });
});

test('S3: overrides of many tenants: what is named changes, the rest stays, and what is left alone is said as it is', async () => {
  const face = await place.fleet(['acme', 'globex', 'initech', 'odd', 'umbrella']);
  const acme = { id: 'acme', priority: 7, tags: { region: 'eu' } };
  await face.tenants.change({ ...acme, overrides: { batchSize: 10, concurrency: 2 } });
  await face.tenants.change({ id: 'globex', overrides: { batchSize: 50, idleCeilingMs: 300_000 } });
  await face.tenants.pause('initech');
  await face.tenants.remove('umbrella');
  place.connection('registry.db').exec("UPDATE Tenants SET Tags = '[1]' WHERE Id = 'odd'");
  const client = new ConsoleClient(face, { authorize: () => ({ actor: 'kim' }) });
  const ids = ['acme', 'globex', 'initech', 'odd', 'umbrella', 'nobody', 'acme'];
  const overrides = { batchSize: 50, concurrency: null, idleCeilingMs: '5m' };
  const changed = await client.post('/api/tenants-overrides', { overrides, ids });
  expect(changed.json).toEqual({
    changed: 2,
    left: [
      { id: 'globex', code: 'TENANT_UNCHANGED', message: 'It has these values already.' },
      { id: 'odd', code: 'INVALID_TENANT', message: expect.stringMatching(/cannot be read/) },
      { id: 'umbrella', code: 'TENANT_RETIRED', message: 'It is retired.' },
      { id: 'nobody', code: 'UNKNOWN_TENANT', message: 'There is no such tenant.' },
    ],
  });
  const wanted = { batchSize: 50, idleCeilingMs: 300_000 };
  expect(await face.tenants.get('acme')).toMatchObject({ ...acme, overrides: wanted });
  expect((await face.tenants.get('acme')).overrides).toEqual(wanted);
  expect(await face.tenants.get('initech')).toMatchObject({ status: 'paused', overrides: wanted });
  expect((await face.tenants.get('umbrella')).overrides).toEqual({});

  // What is not named stays.
  const one = await client.post('/api/tenants-overrides', { overrides: { batchSize: null }, ids: ['acme'] });
  expect(one.json).toEqual({ changed: 1, left: [] });
  expect((await face.tenants.get('acme')).overrides).toEqual({ idleCeilingMs: 300_000 });
  const rows = (await acts(client)).filter((row: string) => row.startsWith('kim'));
  expect(rows.sort()).toEqual([
    'kim tenant-change acme 1',
    'kim tenant-change acme 1',
    'kim tenant-change globex 0',
    'kim tenant-change initech 1',
    'kim tenant-change odd ',
  ]);
});

test('S3: overrides of one tenant whose definition cannot be read are refused for that reason', async () => {
  const face = await place.fleet(['odd']);
  place.connection('registry.db').exec("UPDATE Tenants SET Tags = '[1]' WHERE Id = 'odd'");
  const overrides = { batchSize: 50, concurrency: null, idleCeilingMs: null };
  const sent = await new ConsoleClient(face).post('/api/tenants/odd/overrides', { overrides, version: 1 });
  expect(sent).toMatchObject({
    status: 422,
    json: { error: { code: 'INVALID_TENANT', message: expect.stringMatching(/cannot be read/) } },
  });
});

test('S3: what becomes of a tenant while it is acted on is said of it: another status, or change after change', async () => {
  const face = await place.fleet(['acme', 'globex']);
  const tenants: MultiOutbox['tenants'] = {
    ...face.tenants,
    async wake(id, options) {
      // Between the console's read of the status and its act.
      await face.tenants.pause(id);
      return face.tenants.wake(id, options);
    },
    async changeOverrides() {
      throw new MultiOutboxError('TENANT_CHANGED', "the tenant 'acme' has changed; read it again");
    },
  };
  const client = new ConsoleClient({ ...face, tenants });
  expect((await client.post('/api/tenants-act', { act: 'wake', ids: ['acme'] })).json.left).toEqual([
    { id: 'acme', code: 'TENANT_NOT_ACTIVE', message: 'It has another status now.' },
  ]);
  const overrides = { batchSize: 5 };
  expect((await client.post('/api/tenants-overrides', { overrides, ids: ['globex'] })).json.left).toEqual([
    { id: 'globex', code: 'TENANT_CHANGED', message: 'A program keeps changing it; try again later.' },
  ]);
});

test.each([
  [{ batchSize: 0 }, 'batchSize must be a whole number from 1 to 5000'],
  [{ batchSize: 5, idleCeilingMs: 'pwd=hunter2' }, 'idleCeilingMs must be a duration from 1ms to 365d'],
])(
  'S4: overrides of many tenants say which value of %j is refused, without it',
  async (overrides, problem) => {
    const client = new ConsoleClient(await place.fleet(['acme']));
    const { text, json } = await client.post('/api/tenants-overrides', { overrides, ids: ['acme'] });
    expect(json.error).toMatchObject({ code: 'INVALID_TENANT', message: expect.stringContaining(problem) });
    expect(text).not.toContain('hunter2');
  },
);

test.each([
  [422, { batchSize: 0 }],
  [422, { batchSize: 5_001 }],
  [422, { concurrency: 1.5 }],
  [422, { idleCeilingMs: 'often' }],
  [400, {}],
  [400, { batchSize: '50' }],
  [400, { database: 'other' }],
  [400, { constructor: 1 }],
  [400, { idleCeilingMs: 'x'.repeat(41) }],
  [400, undefined],
  [400, null],
  [400, [1]],
])('S4: overrides of many tenants answer %i to %j, and change none', async (status, overrides) => {
  const face = await place.fleet(['acme', 'globex']);
  const before = await face.tenants.list();
  const client = new ConsoleClient(face);
  const sent = await client.post('/api/tenants-overrides', { overrides, ids: ['acme', 'globex'] });
  expect(sent.status).toBe(status);
  expect(await face.tenants.list()).toEqual(before);
  expect(await acts(client)).toEqual([]);
});

test.each([
  { ids: [] },
  { ids: Array.from({ length: 101 }, (_, number) => `t${number}`) },
  { ids: ['ACME'] },
  { ids: ['acme'], by: 'somebody else' },
  { ids: ['acme'], version: 1 },
  {},
])('S4: overrides of many tenants do not take %j', async (request) => {
  const face = await place.fleet(['acme']);
  const body = { overrides: { batchSize: 5 }, ...request };
  expect((await new ConsoleClient(face).post('/api/tenants-overrides', body)).status).toBe(400);
  expect((await face.tenants.get('acme')).overrides).toEqual({});
});

test('S4: overrides of many tenants need the right to configure each of them', async () => {
  const face = await place.fleet(['acme', 'globex']);
  const asked: string[] = [];
  const client = new ConsoleClient(face, {
    authorize: (_request, { right, route, tenantId }) => {
      asked.push(`${right} ${route} ${tenantId}`);
      return tenantId === 'globex' && route === 'tenants.change' ? false : { actor: 'kim' };
    },
  });
  const body = { overrides: { batchSize: 5 }, ids: ['acme', 'globex'] };
  expect((await client.post('/api/tenants-overrides', body)).status).toBe(403);
  expect(asked).toEqual([
    'configure tenants.change-many null',
    'configure tenants.change-many acme',
    'configure tenants.change-many globex',
    'configure tenants.change acme',
    'configure tenants.change globex',
  ]);
  expect((await face.tenants.get('acme')).overrides).toEqual({});
});

test('S4: an act on many tenants asks for each of them first', async () => {
  const face = await place.fleet(['acme', 'globex']);
  const onlyAcme = new ConsoleClient(face, {
    authorize: (_request, { tenantId }) => (tenantId === 'globex' ? false : { actor: 'kim' }),
  });
  const both = { act: 'pause', ids: ['acme', 'globex'] };
  expect((await onlyAcme.post('/api/tenants-act', both)).status).toBe(403);
  expect(await statuses(face)).toEqual({ acme: 'active', globex: 'active' });
});

test('S3: while the registry does not answer, the other tenants are left, and said to be', async () => {
  const face = await place.fleet(['acme']);
  addManyTenants(place.file('registry.db'), 99);
  let tried = 0;
  const tenants = {
    ...face.tenants,
    async pause(): Promise<never> {
      tried++;
      throw new MultiOutboxError('REGISTRY_UNAVAILABLE', 'the registry does not answer', { transient: true });
    },
  };
  const client = new ConsoleClient({ ...face, tenants });
  const ids = ['acme', ...Array.from({ length: 99 }, (_, at) => `t${String(at + 1).padStart(6, '0')}`)];
  const { json } = await client.post('/api/tenants-act', { act: 'pause', ids });
  expect(json.changed).toBe(0);
  expect(json.left.map(({ id, code }: Record<string, string>) => `${code} ${id}`)).toEqual(
    ids.map((id) => `REGISTRY_UNAVAILABLE ${id}`),
  );
  expect(tried).toBeLessThan(10);
});

test('S3: all that match are counted in pages, by what an act can change; ids that are none are left out', async () => {
  const face = await place.fleet(['acme']);
  addManyTenants(place.file('registry.db'), 4_500);
  const registry = place.connection('registry.db');
  registry.exec("UPDATE Tenants SET Status = 'paused' WHERE Id LIKE 't%7'");
  registry.exec("UPDATE Tenants SET Status = 'retired' WHERE Id LIKE 't%8'");
  registry.exec("UPDATE Tenants SET Id = 'Odd t' WHERE Id = 't000001'");
  const client = new ConsoleClient(face);
  const [active, paused]: [string[], string[]] = [[], []];
  let [after, pages] = ['', 0];
  do {
    const { json } = await client.get(`/api/tenants-matching?q=t&after=${after}`.replace(/&after=$/, ''));
    expect(json.matching).toBe(4_500);
    expect(json.active.length + json.paused.length).toBeLessThanOrEqual(2_000);
    active.push(...json.active);
    paused.push(...json.paused);
    after = json.next ?? '';
    pages++;
  } while (after !== '');
  expect([pages, active.length, paused.length]).toEqual([3, 3_599, 450]);
  expect(new Set([...active, ...paused]).size).toBe(4_049);
  expect(paused[0]).toBe('t000007');
  expect(active).not.toContain('acme');
});

/** A face that counts the pages of tenants that are read. */
function counting(face: MultiOutbox) {
  const read = { pages: 0 };
  const tenants = {
    ...face.tenants,
    list(query: object) {
      read.pages++;
      return face.tenants.list(query);
    },
  };
  return { read, face: { ...face, tenants } };
}

test('S4: after an act everybody sees its rows, and the other tenants are not read again', async () => {
  const { face, read } = counting(await place.fleet(['acme', 'globex', 'initech']));
  const client = new ConsoleClient(face);
  const paused = async () =>
    (await client.get('/api/tenants?q=status:paused+-id:nobody')).json.rows.map(
      ({ id }: { id: string }) => id,
    );
  expect(await paused()).toEqual([]);
  await client.post('/api/tenants/acme/pause', {});
  expect(await paused()).toEqual(['acme']);
  await client.post('/api/tenants-act', { act: 'pause', ids: ['globex', 'initech'] });
  expect(await paused()).toEqual(['acme', 'globex', 'initech']);
  await client.post('/api/tenants/globex/resume', {});
  expect(await paused()).toEqual(['acme', 'initech']);
  const { version } = await face.tenants.get('globex');
  const overrides = { batchSize: 7, concurrency: null, idleCeilingMs: null };
  expect((await client.post('/api/tenants/globex/overrides', { overrides, version })).status).toBe(200);
  expect((await client.get('/api/pulse')).json.tenants).toMatchObject({ active: 1, paused: 2 });
  expect(read.pages).toBe(1);
});

test('S4: an act while the tenants are being read is not lost to what was read before it', async () => {
  const fleet = await place.fleet(['acme', 'globex']);
  const read = { begun: Promise.withResolvers<void>(), goOn: Promise.withResolvers<void>() };
  const tenants = {
    ...fleet.tenants,
    async list(query: object) {
      const page = await fleet.tenants.list(query);
      read.begun.resolve();
      await read.goOn.promise;
      return page;
    },
  };
  const client = new ConsoleClient({ ...fleet, tenants });
  const reading = client.get('/api/tenants?q=id:acme');
  await read.begun.promise;
  await client.post('/api/tenants/acme/pause', {});
  read.goOn.resolve();
  expect((await reading).json.rows).toMatchObject([{ id: 'acme', status: 'paused' }]);
  expect((await client.get('/api/tenants?q=id:acme')).json.rows).toMatchObject([{ status: 'paused' }]);
});

test('S3: all messages that match a search of one tenant can be replayed, discarded or cancelled', async () => {
  const failing = defineHandler({
    topic: 'invoices',
    handle() {
      throw new PermanentError('refused');
    },
  });
  const face = await place.fleet(['acme'], { handlers: [failing] });
  const outbox = face.outbox('acme');
  await outbox.enqueue([
    { topic: 'invoices', payload: '1', dedupKey: 'one' },
    { topic: 'invoices', payload: '2' },
  ]);
  await face.tick();
  await outbox.enqueue([
    { topic: 'invoices', payload: '3', delay: '1h' },
    { topic: 'orders', payload: '4', delay: '1h' },
  ]);
  const client = new ConsoleClient(face);
  const create = async (path: string, body: object) =>
    (await client.post(path, { queue: 'outbox', tenants: ['acme'], ...body })).json.operation?.counted;
  const destructive = '/api/operations-destructive';
  const dead = { states: ['dead'] };
  expect(await create('/api/operations', { act: 'replay', filter: dead })).toBe(2);
  expect(await create('/api/operations', { act: 'replay', filter: { dedupKey: 'one' } })).toBe(1);
  expect(await create('/api/operations', { act: 'replay', filter: { topic: 'invoices' } })).toBe(2);
  expect(await create(destructive, { act: 'discard', filter: { ...dead, topic: 'invoices' } })).toBe(2);
  // An act of an error group is about dead messages, also where it could change others.
  expect(await create(destructive, { act: 'cancel', filter: { topic: 'invoices' } })).toBe(2);
  // Without tenants, a state alone would be an act on every dead message of the fleet.
  for (const states of [[], ['done'], ['ready'], ['dead', 'ready'], 'dead', ['dead']])
    expect(
      (await client.post(destructive, { act: 'cancel', queue: 'outbox', filter: { states } })).status,
    ).toBe(400);
});
