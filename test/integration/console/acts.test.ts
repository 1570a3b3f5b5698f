/** S3, S4: acts through the console: on one tenant, on chosen messages, on all that match; each is in the record. */
import { defineHandler, PermanentError } from '../../../src/queue/handler.ts';
import { ConsoleClient } from '../../support/console-requests.ts';
import { FleetPlace } from '../../support/fleet-place.ts';
import { until } from '../../support/until.ts';

const place = new FleetPlace();

async function withDead(many: number) {
  const failing = defineHandler({
    topic: 'invoices',
    handle(message) {
      throw new PermanentError(`refused: 422, because of '${message.payload}'`);
    },
  });
  const face = await place.fleet(['acme', 'globex'], {
    handlers: [failing],
    telemetry: { handlerErrorText: true },
  });
  for (const id of ['acme', 'globex'])
    await face.outbox(id).enqueue(
      Array.from({ length: many }, (_, number) => ({
        topic: 'invoices',
        payload: { secret: `secret ${number}` },
        headers: { 'x-key': 'hidden' },
      })),
    );
  await face.tick();
  const client = new ConsoleClient(face, { authorize: () => ({ actor: 'kim' }) });
  const listed = await client.get('/api/tenants/acme/messages/outbox?state=dead');
  const targets = (listed.json.messages as { messageId: string; version: string }[]).map(
    ({ messageId, version }) => ({ messageId, version }),
  );
  return { face, client, messages: targets };
}

const acts = async (client: ConsoleClient) =>
  (await client.get('/api/audit')).json.map(({ actor, act, tenantId, count }: Record<string, unknown>) => [
    actor,
    act,
    tenantId,
    count,
  ]);

test('S4: an error is masked where it may have parts of a payload, and shown together with the payload', async () => {
  const { client, messages } = await withDead(1);
  const path = `/api/tenants/acme/messages/outbox/${messages[0]!.messageId}`;
  for (const address of [path, '/api/tenants/acme/messages/outbox', '/api/tenants/acme', '/api/errors']) {
    const { text } = await client.get(address);
    expect([address, text]).toEqual([address, expect.stringContaining('refused: <n>, because of <text>')]);
    expect([address, text]).toEqual([address, expect.not.stringContaining('secret')]);
  }
  const content = await client.post(`${path}/payload`, {});
  expect(content.json.lastError).toContain(`refused: 422, because of '{"secret":"secret 0"}'`);
});

test('S4: who looks sees neither the text that was searched in payloads nor what errors quote', async () => {
  const { face, client } = await withDead(1);
  const { operation } = await face.operations.create({
    act: 'replay',
    filter: { payloadText: 'secret 0', states: ['dead'] },
    tenants: ['acme'],
  });
  const quoting = "refused: 422, because of 'secret 0'";
  const registry = place.connection('registry.db');
  registry.exec(`UPDATE Tenants SET LastError = '${quoting.replaceAll("'", "''")}' WHERE Id = 'acme'`);
  const failures = [{ tenantId: 'acme', code: 'FAILED', message: quoting }];
  registry
    .prepare("UPDATE Operations SET Failures = ?, Progress = json_set(Progress, '$.failures', 1)")
    .run(JSON.stringify(failures));
  registry.prepare('UPDATE Audit SET Error = ?').run(`FAILED: ${quoting}`);
  const paths = ['/api/tenants/acme', '/api/operations', `/api/operations/${operation.id}`, '/api/audit'];
  for (const address of paths) {
    const { text } = await client.get(address);
    // A list has the number of failures.
    if (address !== '/api/operations')
      expect([address, text]).toEqual([address, expect.stringContaining('refused: <n>, because of <text>')]);
    expect([address, text]).toEqual([address, expect.not.stringContaining('secret 0')]);
  }
  const path = `/api/operations/${operation.id}`;
  expect((await client.get(path)).json.filter).toEqual({ payloadText: true, states: ['dead'] });
  expect((await client.post(`${path}/stop`, {})).text).not.toContain('secret 0');
});

test('S4: a payload is masked until it is asked for, and the record says by whom', async () => {
  const { client, messages } = await withDead(1);
  const path = `/api/tenants/acme/messages/outbox/${messages[0]!.messageId}`;
  const shown = await client.get(path);
  expect(shown.json).toMatchObject({ topic: 'invoices', state: 'dead', contentBytes: expect.any(Number) });
  for (const { text } of [shown, await client.get('/api/tenants/acme/messages/outbox')])
    expect(text).not.toMatch(/secret|hidden/);
  expect(await acts(client)).toEqual([]);
  const payload = await client.post(`${path}/payload`, {});
  expect(payload.json).toMatchObject({ payload: '{"secret":"secret 0"}', headers: { 'x-key': 'hidden' } });
  expect(await acts(client)).toEqual([['kim', 'payload-show', 'acme', 1]]);
  expect((await client.get('/api/audit')).text).not.toMatch(/secret|hidden/);
});

test('S3: chosen messages are replayed and discarded as they were listed, and no others', async () => {
  const { client, messages } = await withDead(3);
  const path = '/api/tenants/acme/messages/outbox';
  const [one, two, three] = messages;
  const replayed = await client.post(`${path}/act`, { act: 'replay', messages: [one] });
  expect(replayed.json).toMatchObject({ changed: [one!.messageId], unchanged: [] });
  const discarded = await client.post(`${path}/destroy`, { act: 'discard', messages: [one, two] });
  expect(discarded.json).toMatchObject({ changed: [two!.messageId], unchanged: [one!.messageId] });
  const left = await client.get(`${path}?state=dead`);
  expect(left.json.messages).toMatchObject([{ messageId: three!.messageId }]);
  expect(await acts(client)).toEqual([
    ['kim', 'discard', 'acme', 1],
    ['kim', 'replay', 'acme', 1],
  ]);
});

test.each([
  ['act', { act: 'discard' }],
  ['act', { act: 'cancel' }],
  ['destroy', { act: 'replay' }],
  ['act', { act: 'replay', tenantId: 'globex' }],
  ['act', { act: 'replay', by: 'somebody else' }],
])('S4: %s does not take %j', async (route, how) => {
  const { client, messages } = await withDead(1);
  const sent = await client.post(`/api/tenants/acme/messages/outbox/${route}`, { ...how, messages });
  expect(sent).toMatchObject({ status: 400, json: { error: { code: 'INVALID_ARGUMENT' } } });
  expect(await acts(client)).toEqual([]);
});

test.each([
  ['text/plain', '{}', 415],
  ['application/x-www-form-urlencoded', 'a=b', 415],
  ['application/json', '[]', 400],
  ['application/json', '{"messages":', 400],
  ['application/json', 'null', 400],
  ['application/json', JSON.stringify({ act: 'replay', messages: [] }), 400],
  ['application/json', JSON.stringify({ act: 'replay', messages: Array(101).fill({ messageId: 'a' }) }), 400],
  ['application/json', `{"act":"replay","messages":[{"messageId":"${'a'.repeat(201)}"}]}`, 400],
])('S4: a post of %s, %j is answered with %i', async (type, body, status) => {
  const client = new ConsoleClient(await place.fleet(['acme']));
  const sent = await client.post('/api/tenants/acme/messages/outbox/act', body, { 'content-type': type });
  expect(sent.status).toBe(status);
  const large = JSON.stringify({ act: 'a'.repeat(5 * 2 ** 20) });
  expect((await client.post('/api/tenants/acme/messages/outbox/act', large)).status).toBe(413);
  const foreign = { 'content-type': 'application/json', 'sec-fetch-site': 'same-site' };
  expect((await client.post('/api/tenants/acme/pause', {}, foreign)).status).toBe(403);
});

test('S3: an edit replaces only the version that was read', async () => {
  const { client, messages } = await withDead(1);
  const [{ messageId, version }] = messages as [{ messageId: string; version: string }];
  const path = `/api/tenants/acme/messages/outbox/${messageId}/edit`;
  const stale = await client.post(path, { version: 'another', payload: '{}' });
  expect(stale).toMatchObject({ status: 409, json: { error: { code: 'MESSAGE_CHANGED' } } });
  const edited = await client.post(path, { version, payload: '{"secret":"new"}' });
  expect(edited.json).toMatchObject({ replaced: messageId, schemaChecked: false });
  expect(await acts(client)).toEqual([
    ['kim', 'edit', 'acme', 1],
    ['kim', 'edit', 'acme', null],
  ]);
});

test('S3: a tenant is paused and resumed by whoever acts, and the table shows it at once', async () => {
  const { client } = await withDead(1);
  const paused = async () => (await client.get('/api/tenants?q=status:paused+id:acme')).json.rows.length;
  expect(await paused()).toBe(0);
  expect((await client.post('/api/tenants/acme/pause', {})).json).toMatchObject({
    id: 'acme',
    status: 'paused',
  });
  expect(await paused()).toBe(1);
  expect(await client.post('/api/tenants/acme/wake', {})).toMatchObject({ status: 409 });
  await client.post('/api/tenants/acme/resume', {});
  expect(await paused()).toBe(0);
  expect((await client.post('/api/tenants/acme/wake', {})).status).toBe(200);
  expect(await acts(client)).toEqual([
    ['kim', 'tenant-wake', 'acme', 1],
    ['kim', 'tenant-resume', 'acme', 1],
    ['kim', 'tenant-wake', 'acme', null],
    ['kim', 'tenant-pause', 'acme', 1],
  ]);
});

test('S3: overrides are changed as they were seen, by the checks of the library, and the rest of the tenant stays', async () => {
  const { face, client } = await withDead(0);
  await face.tenants.change({ id: 'acme', priority: 7, tags: { region: 'eu' } });
  const path = '/api/tenants/acme/overrides';
  const seen = (await client.get('/api/tenants/acme')).json;
  const overrides = { batchSize: 50, concurrency: null, idleCeilingMs: '90s' };
  const changed = await client.post(path, { overrides, version: seen.version });
  expect(changed.json).toMatchObject({ overrides: { batchSize: 50, idleCeilingMs: 90_000 } });
  expect(await face.tenants.get('acme')).toMatchObject({
    priority: 7,
    tags: { region: 'eu' },
    overrides: { batchSize: 50, idleCeilingMs: 90_000 },
  });

  // Somebody else has changed it since; the same change once more is no conflict.
  const other = { ...overrides, batchSize: 60 };
  const stale = await client.post(path, { overrides: other, version: seen.version });
  expect(stale).toMatchObject({ status: 409, json: { error: { code: 'TENANT_CHANGED' } } });
  expect(await client.post(path, { overrides, version: seen.version })).toMatchObject({
    status: 200,
    json: { version: changed.json.version },
  });
  const { version } = changed.json;
  for (const wrong of [{ batchSize: 0 }, { concurrency: 1.5 }, { idleCeilingMs: 'often' }])
    expect(await client.post(path, { overrides: { ...overrides, ...wrong }, version })).toMatchObject({
      status: 422,
      json: { error: { code: 'INVALID_TENANT' } },
    });
  for (const wrong of [{ batchSize: '50' }, { database: 'other' }, { idleCeilingMs: 'x'.repeat(41) }])
    expect(await client.post(path, { overrides: { ...overrides, ...wrong }, version })).toMatchObject({
      status: 400,
    });
  const none = { batchSize: null, concurrency: null, idleCeilingMs: null };
  await client.post(path, { overrides: none, version });
  expect((await face.tenants.get('acme')).overrides).toEqual({});
  const [row] = (await client.get('/api/audit')).json;
  expect(row).toMatchObject({ actor: 'kim', act: 'tenant-change', tenantId: 'acme', count: 1 });
  expect(row.selection).toMatchObject({ overrides: {}, priority: 7 });
});

test('S3: an operation counts first, changes nothing until it is run, and can be read while it runs', async () => {
  const { client } = await withDead(4);
  const groups = (await client.get('/api/errors')).json;
  expect(groups).toMatchObject({
    count: 8,
    tenants: 2,
    groups: [{ text: 'refused: <n>, because of <text>', matching: ', because of', count: 8, tenants: 2 }],
  });
  const request = { act: 'discard', queue: 'outbox', filter: { errorText: 'refused' } };
  expect((await client.post('/api/operations', request)).status).toBe(400);
  const created = (await client.post('/api/operations-destructive', request)).json;
  expect(created).toMatchObject({ operation: { state: 'counted', counted: 8, changed: 0, actor: 'kim' } });
  const dead = async () =>
    (await client.get('/api/tenants/acme/messages/outbox?state=dead')).json.messages.length;
  expect(await dead()).toBe(4);
  const { id } = created.operation;
  // Whoever may only replay cannot run what discards.
  expect((await client.post(`/api/operations/${id}/run`, {})).status).toBe(403);
  expect(await dead()).toBe(4);
  const begun = await client.post(`/api/operations-destructive/${id}/run`, {});
  expect(begun.json).toMatchObject({ id, state: expect.stringMatching(/^(running|done)$/) });
  await until(
    'the operation is done',
    async () => (await client.get(`/api/operations/${id}`)).json.state === 'done',
  );
  expect((await client.get(`/api/operations/${id}`)).json).toMatchObject({ changed: 8, failures: 0 });
  expect(await dead()).toBe(0);
});

test('S3: an operation that was stopped changes nothing more', async () => {
  const { face, client } = await withDead(2);
  const request = { act: 'discard', queue: 'outbox', filter: { topic: 'invoices' }, tenants: ['acme'] };
  const { operation } = (await client.post('/api/operations-destructive', request)).json;
  expect(operation).toMatchObject({ counted: 2 });
  const path = `/api/operations-destructive/${operation.id}`;
  expect((await client.post(`${path}/stop`, {})).json).toMatchObject({ state: 'cancelled', changed: 0 });
  expect(await client.post(`${path}/run`, {})).toMatchObject({
    status: 409,
    json: { error: { code: 'OPERATION_CANCELLED' } },
  });
  expect(await client.post(`${path}/stop`, {})).toMatchObject({ status: 409 });
  expect(
    (await face.messages.list({ tenantId: 'acme', filter: { states: ['dead'] } })).messages,
  ).toHaveLength(2);
  expect((await client.get('/api/operations')).json).toMatchObject([
    { id: operation.id, state: 'cancelled' },
  ]);
});

test('S3: an operation changes what was counted, and nothing that died after the count', async () => {
  const { face, client } = await withDead(2);
  const request = { act: 'discard', queue: 'outbox', filter: { topic: 'invoices' }, tenants: ['acme'] };
  const { operation } = (await client.post('/api/operations-destructive', request)).json;
  // A message that dies within 2 ms of the count may seem to have died before it, because clocks are rounded.
  const countedAt = Date.now();
  await until('the clock has passed these', () => Date.now() > countedAt + 3);
  await face.outbox('acme').enqueue({ topic: 'invoices', payload: 'later' });
  await face.tick();
  const dead = () => face.messages.list({ tenantId: 'acme', filter: { states: ['dead'] } });
  expect((await dead()).messages).toHaveLength(3);
  await client.post(`/api/operations-destructive/${operation.id}/run`, {});
  const ended = async () => (await client.get(`/api/operations/${operation.id}`)).json;
  await until('the operation is done', async () => (await ended()).state === 'done');
  expect(await ended()).toMatchObject({ counted: 2, changed: 2 });
  expect((await dead()).messages).toHaveLength(1);
});

test('S3: a tenant that does not answer is not in the count, and the operation says so', async () => {
  const { client } = await withDead(2);
  place.connection('tenants/globex.db').exec('ALTER TABLE Outbox RENAME TO Hidden');
  const request = { act: 'replay', queue: 'outbox', filter: { topic: 'invoices' } };
  const { operation } = (await client.post('/api/operations', request)).json;
  const uncounted = { uncounted: 1, firstUncounted: ['globex'] };
  expect(operation).toMatchObject({ counted: 2, ...uncounted });
  expect((await client.get(`/api/operations/${operation.id}`)).json).toMatchObject(uncounted);
});

test('S3: an operation without a filter is refused', async () => {
  const { client } = await withDead(1);
  for (const filter of [{}, { topic: undefined }])
    expect((await client.post('/api/operations', { act: 'replay', queue: 'outbox', filter })).status).toBe(
      400,
    );
});

test('S3: an operation pauses when its host stops, and another host goes on with it', async () => {
  const { face, client } = await withDead(2);
  const request = { act: 'replay', queue: 'outbox', filter: { topic: 'invoices' } };
  const { operation } = (await client.post('/api/operations', request)).json;
  const stopping = new ConsoleClient(face, {
    authorize: () => ({ actor: 'kim' }),
    signal: AbortSignal.abort(),
  });
  const path = `/api/operations/${operation.id}`;
  expect((await stopping.post(`${path}/run`, {})).json).toMatchObject({
    state: 'running',
    changed: 0,
    failures: 0,
  });
  await client.post(`${path}/run`, {});
  await until('it is done', async () => (await client.get(path)).json.state === 'done');
  expect((await client.get(path)).json).toMatchObject({ changed: 4 });
});

test.each([
  ['GET', '/api/tenants/acme/messages/outbox/an-id-of-nobody', 'MESSAGE_NOT_FOUND'],
  ['GET', '/api/tenants/an-id-of-nobody', 'UNKNOWN_TENANT'],
  ['GET', '/api/tenants/an-id-of-nobody/history', 'UNKNOWN_TENANT'],
  ['GET', '/api/operations/00000000-0000-4000-8000-0000000000ff', 'OPERATION_NOT_FOUND'],
  ['POST', '/api/tenants/an-id-of-nobody/pause', 'UNKNOWN_TENANT'],
  ['POST', '/api/tenants/acme/messages/outbox/an-id-of-nobody/edit', 'MESSAGE_NOT_FOUND'],
])('S4: the error of %s %s does not repeat what was asked for', async (method, path, code) => {
  const client = new ConsoleClient(await place.fleet(['acme']));
  const body = path.endsWith('/edit') ? { version: 'a', payload: '{}' } : {};
  const sent = method === 'GET' ? await client.get(path) : await client.post(path, body);
  expect(sent).toMatchObject({ json: { error: { code } } });
  expect(sent.text).not.toMatch(/an-id-of-nobody|0000ff/);
});
