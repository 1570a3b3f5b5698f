/** S3, S4: operations on many tenants through the console, and what the console reads again after an act. */
import { MultiOutboxError } from '../../../src/errors.ts';
import type { MultiOutbox } from '../../../src/multi-outbox.ts';
import { defineHandler, PermanentError } from '../../../src/queue/handler.ts';
import { ConsoleClient } from '../../support/console-requests.ts';
import { FleetPlace } from '../../support/fleet-place.ts';
import { addManyTenants } from '../../support/many-tenants.ts';
import { until } from '../../support/until.ts';

const place = new FleetPlace();
const onTenants = '/api/operations-on-tenants';
const configuring = '/api/operations-configuring';

const statuses = async (face: MultiOutbox) =>
  Object.fromEntries((await face.tenants.list()).map(({ id, status }) => [id, status]));
const acts = async (client: ConsoleClient) =>
  (await client.get('/api/audit')).json.map(({ actor, act, tenantId, count }: Record<string, unknown>) =>
    [actor, act, tenantId, count].join(' '),
  );

/** Creates an operation and runs it to its end. */
async function operated(client: ConsoleClient, path: string, body: object) {
  const { operation } = (await client.post(path, body)).json;
  const of = path === configuring ? configuring : '/api/operations';
  expect((await client.post(`${of}/${operation.id}/run`, {})).status).toBe(200);
  const read = async () => (await client.get(`/api/operations/${operation.id}`)).json;
  await until('the operation is done', async () => (await read()).state === 'done');
  return { created: operation, ended: await read() };
}

test('S3: an act on many tenants is counted, changes those that it is for, names the others, and each has a row in the record', async () => {
  const face = await place.fleet(['acme', 'globex', 'initech', 'umbrella']);
  await face.tenants.pause('globex', { by: 'somebody else' });
  await face.tenants.remove('umbrella', { by: 'somebody else' });
  const client = new ConsoleClient(face, { authorize: () => ({ actor: 'kim' }) });
  const tenants = ['acme', 'globex', 'initech', 'umbrella', 'nobody', 'acme'];
  const created = await client.post(onTenants, { act: 'pause', tenants });
  expect(created.json.operation).toMatchObject({
    on: 'tenants',
    state: 'counted',
    actor: 'kim',
    tenants: 5,
    counted: 2,
    changed: 0,
  });
  expect(await statuses(face)).toMatchObject({ acme: 'active', initech: 'active' });
  const { ended } = await operated(client, onTenants, { act: 'pause', tenants });
  expect(ended).toMatchObject({
    changed: 2,
    tenantsDone: 3,
    failures: 2,
    firstFailures: [
      { tenantId: 'nobody', code: 'UNKNOWN_TENANT' },
      {
        tenantId: 'umbrella',
        code: 'TENANT_NOT_ACTIVE',
        message: expect.stringContaining("'umbrella' is retired"),
      },
    ],
  });
  const all = { acme: 'paused', globex: 'paused', initech: 'paused', umbrella: 'retired' };
  expect(await statuses(face)).toEqual(all);
  const resumed = await operated(client, onTenants, { act: 'resume', tenants: ['acme', 'globex'] });
  expect(resumed.ended).toMatchObject({ changed: 2, failures: 0 });
  const woken = await operated(client, onTenants, { act: 'wake', tenants: ['acme'] });
  expect(woken.ended).toMatchObject({ changed: 1, failures: 0 });
  expect(await statuses(face)).toEqual({ ...all, acme: 'active', globex: 'active' });
  const rows = (await acts(client)).filter((row: string) => row.startsWith('kim tenant'));
  expect(rows.sort()).toEqual([
    'kim tenant-pause acme 1',
    'kim tenant-pause initech 1',
    'kim tenant-resume acme 1',
    'kim tenant-resume globex 1',
    'kim tenant-wake acme 1',
  ]);
  expect((await client.get('/api/operations')).json).toMatchObject([
    { on: 'tenants', act: { act: 'wake' }, tenants: 1, failures: 0 },
    { act: { act: 'resume' }, tenants: 2 },
    { act: { act: 'pause' }, tenants: 5, failures: 2, state: 'done' },
    { act: { act: 'pause' }, tenants: 5, failures: 0, state: 'counted' },
  ]);
});

test.each([
  { act: 'pause', tenants: [] },
  { act: 'remove', tenants: ['acme'] },
  { act: 'change-overrides', tenants: ['acme'] },
  { act: 'constructor', tenants: ['acme'] },
  { act: 'pause', tenants: ['ACME'] },
  { act: 'pause', tenants: ['acme'], by: 'somebody else' },
  { act: 'pause', tenants: ['acme'], overrides: { batchSize: 5 } },
  { act: 'pause' },
])('S4: an act on many tenants does not take %j', async (body) => {
  const face = await place.fleet(['acme']);
  expect(await new ConsoleClient(face).post(onTenants, body)).toMatchObject({ status: 400 });
  expect(await face.operations.list()).toEqual([]);
});

test('S4: an operation takes 100,000 tenants with the longest ids, and no more; its answers have their number', async () => {
  const face = await place.fleet(['acme']);
  const client = new ConsoleClient(face);
  const tenants = Array.from({ length: 100_000 }, (_, n) =>
    `t${String(n).padStart(6, '0')}-`.padEnd(64, 'x'),
  );
  const created = await client.post(onTenants, { act: 'pause', tenants });
  expect(created.json.operation).toMatchObject({ tenants: 100_000, counted: 0 });
  for (const path of [`/api/operations/${created.json.operation.id}`, '/api/operations'])
    expect((await client.get(path)).text.length).toBeLessThan(2_000);
  expect((await client.post(onTenants, { act: 'pause', tenants: [...tenants, 'acme'] })).status).toBe(400);
  // Elsewhere a request has the usual bound.
  const large = { act: 'replay', queue: 'outbox', filter: { topic: 'a' }, tenants };
  expect((await client.post('/api/operations', large)).status).toBe(413);
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
  const tenants = ['acme', 'globex', 'initech', 'odd', 'umbrella', 'nobody', 'acme'];
  const overrides = { batchSize: 50, concurrency: null, idleCeilingMs: '5m' };
  const { created, ended } = await operated(client, configuring, { overrides, tenants });
  expect(created).toMatchObject({ tenants: 6, counted: 2 });
  expect(ended).toMatchObject({
    changed: 2,
    tenantsDone: 3,
    firstFailures: [
      { tenantId: 'nobody', code: 'UNKNOWN_TENANT' },
      { tenantId: 'odd', code: 'INVALID_TENANT', message: expect.stringMatching(/cannot be read/) },
      { tenantId: 'umbrella', code: 'TENANT_NOT_ACTIVE' },
    ],
  });
  const wanted = { batchSize: 50, idleCeilingMs: 300_000 };
  expect(await face.tenants.get('acme')).toMatchObject({ ...acme, overrides: wanted });
  expect((await face.tenants.get('acme')).overrides).toEqual(wanted);
  expect(await face.tenants.get('initech')).toMatchObject({ status: 'paused', overrides: wanted });
  expect((await face.tenants.get('umbrella')).overrides).toEqual({});

  // What is not named stays.
  const one = await operated(client, configuring, { overrides: { batchSize: null }, tenants: ['acme'] });
  expect(one.ended).toMatchObject({ changed: 1, failures: 0 });
  expect((await face.tenants.get('acme')).overrides).toEqual({ idleCeilingMs: 300_000 });
  const rows = (await acts(client)).filter((row: string) => row.startsWith('kim tenant'));
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

test.each([
  [{ batchSize: 0 }, 'batchSize must be a whole number from 1 to 5000'],
  [{ batchSize: 5, idleCeilingMs: 'pwd=hunter2' }, 'idleCeilingMs must be a duration from 1ms to 365d'],
])(
  'S4: overrides of many tenants say which value of %j is refused, without it',
  async (overrides, problem) => {
    const client = new ConsoleClient(await place.fleet(['acme']));
    const { text, json } = await client.post(configuring, { overrides, tenants: ['acme'] });
    expect(json.error).toMatchObject({
      code: 'INVALID_TENANT',
      message: expect.stringContaining(`The new values are refused: ${problem}`),
    });
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
])('S4: overrides of many tenants answer %i to %j, and store nothing', async (status, overrides) => {
  const face = await place.fleet(['acme', 'globex']);
  const client = new ConsoleClient(face);
  const sent = await client.post(configuring, { overrides, tenants: ['acme', 'globex'] });
  expect(sent.status).toBe(status);
  expect(await face.operations.list()).toEqual([]);
  expect(await acts(client)).toEqual([]);
});

test.each([
  { tenants: [] },
  { tenants: ['ACME'] },
  { tenants: ['acme'], by: 'somebody else' },
  { tenants: ['acme'], version: 1 },
  {},
])('S4: overrides of many tenants do not take %j', async (request) => {
  const face = await place.fleet(['acme']);
  const body = { overrides: { batchSize: 5 }, ...request };
  expect((await new ConsoleClient(face).post(configuring, body)).status).toBe(400);
  expect(await face.operations.list()).toEqual([]);
});

test('S4: an operation on tenants asks for each of them, also by the name of the act on one, and so does whoever runs it', async () => {
  const face = await place.fleet(['acme', 'globex']);
  const asked: string[] = [];
  let refused = '';
  const client = new ConsoleClient(face, {
    authorize: (_request, { right, route, tenantId }) => {
      asked.push(`${right} ${route} ${tenantId}`);
      return tenantId === 'globex' && route === refused ? false : { actor: 'kim' };
    },
  });
  const tenants = ['acme', 'globex'];
  const each = (right: string, route: string, one: string) => [
    `${right} ${route} null`,
    ...[route, one].flatMap((name) => tenants.map((id) => `${right} ${name} ${id}`)),
  ];
  for (const [path, body, right, name, one] of [
    [onTenants, { act: 'pause' }, 'act', 'operations.create-on-tenants', 'tenants.pause'],
    [
      configuring,
      { overrides: { batchSize: 5 } },
      'configure',
      'operations.create-configuring',
      'tenants.change',
    ],
  ] as const) {
    const run = path === configuring ? 'operations.run-configuring' : 'operations.run';
    for (refused of [name, one]) expect((await client.post(path, { ...body, tenants })).status).toBe(403);
    expect(await face.operations.list({ limit: 1 })).not.toMatchObject([{ state: 'counted' }]);
    asked.length = 0;
    refused = '';
    const { operation } = (await client.post(path, { ...body, tenants })).json;
    expect(asked).toEqual(each(right, name, one));
    const address = `${path === configuring ? configuring : '/api/operations'}/${operation.id}/run`;
    for (refused of [run, one]) expect((await client.post(address, {})).status).toBe(403);
    asked.length = 0;
    refused = '';
    expect((await client.post(address, {})).status).toBe(200);
    expect(asked).toEqual(each(right, run, one));
    await until('it is done', async () => (await face.operations.get(operation.id)).state === 'done');
  }
});

test('S4: an operation is run and stopped with the right of its act alone', async () => {
  const face = await place.fleet(['acme']);
  const client = new ConsoleClient(face);
  const paths = { act: '/api/operations', destroy: '/api/operations-destructive', configure: configuring };
  for (const [right, create, body] of [
    ['act', onTenants, { act: 'pause', tenants: ['acme'] }],
    ['configure', configuring, { overrides: { batchSize: 5 }, tenants: ['acme'] }],
  ] as const) {
    const { operation } = (await client.post(create, body)).json;
    for (const verb of ['run', 'stop'])
      for (const [other, path] of Object.entries(paths)) {
        if (other === right) continue;
        const sent = await client.post(`${path}/${operation.id}/${verb}`, {});
        expect(sent).toMatchObject({
          status: 403,
          json: { error: { message: expect.stringContaining(right) } },
        });
      }
    expect((await client.post(`${paths[right]}/${operation.id}/stop`, {})).json).toMatchObject({
      state: 'cancelled',
      changed: 0,
    });
  }
  expect(await statuses(face)).toEqual({ acme: 'active' });
});

test('S3: an operation whose host has stopped goes on at another one, and so does one that the registry has ended', async () => {
  const face = await place.fleet(['acme', 'globex']);
  let isAway = true;
  const client = new ConsoleClient(face);
  const stopping = new ConsoleClient(face, {
    authorize: () => ({ actor: 'kim' }),
    signal: AbortSignal.abort(),
  });
  const body = { act: 'pause', tenants: ['acme', 'globex'] };
  const { operation } = (await client.post(onTenants, body)).json;
  const path = `/api/operations/${operation.id}`;
  expect((await stopping.post(`${path}/run`, {})).json).toMatchObject({ state: 'running', changed: 0 });
  const unavailable = new ConsoleClient({
    ...face,
    operations: {
      ...face.operations,
      async resume(id, options) {
        if (isAway)
          throw new MultiOutboxError('REGISTRY_UNAVAILABLE', 'the registry does not answer', {
            transient: true,
          });
        return face.operations.resume(id, options);
      },
    },
  });
  expect((await unavailable.post(`${path}/run`, {})).status).toBe(503);
  expect((await client.get(path)).json).toMatchObject({ state: 'running', failures: 0 });
  isAway = false;
  await unavailable.post(`${path}/run`, {});
  await until('it is done', async () => (await client.get(path)).json.state === 'done');
  expect(await statuses(face)).toEqual({ acme: 'paused', globex: 'paused' });
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
  await client.post('/api/tenants/globex/pause', {});
  await client.post('/api/tenants/initech/pause', {});
  expect(await paused()).toEqual(['acme', 'globex', 'initech']);
  await client.post('/api/tenants/globex/resume', {});
  expect(await paused()).toEqual(['acme', 'initech']);
  const { version } = await face.tenants.get('globex');
  const overrides = { batchSize: 7, concurrency: null, idleCeilingMs: null };
  expect((await client.post('/api/tenants/globex/overrides', { overrides, version })).status).toBe(200);
  expect((await client.get('/api/pulse')).json.tenants).toMatchObject({ active: 1, paused: 2 });
  expect(read.pages).toBe(1);
  // An operation on many has changed more than is read for it.
  await operated(client, onTenants, { act: 'resume', tenants: ['acme', 'initech'] });
  await until('it is seen', async () => (await paused()).length === 0);
  expect(read.pages).toBeGreaterThan(1);
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
