import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Azurite } from '../../support/azurite.ts';
import { FunctionsApp, type Instance } from '../../support/functions-app.ts';
import { until } from '../../support/until.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await Azurite.start();
});
afterAll(() => azurite?.stop());
const app = new FunctionsApp(() => azurite);

const post = (instance: Instance, route: string, body: unknown, headers: Record<string, string> = {}) =>
  instance.fetch(route, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

/** The problem of an answer, which must show no internals. */
async function problem(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const text = await response.text();
  expect(text).not.toMatch(/secret|\.db\b|\/tmp|\.ts\b|\.js\b|\bat \S+ \(/);
  // Commands are for operators, not for callers.
  expect(text).not.toMatch(/\bnpx\b|multi-outbox [a-z]|\bresume\b|MULTI_OUTBOX_/);
  const { instance, ...rest } = JSON.parse(text);
  expect(instance).toMatch(/^urn:invocation:[0-9a-f-]{36}$/);
  expect(rest.status).toBe(response.status);
  return rest;
}

describe('enqueue over HTTP', () => {
  const order = { topic: 'email.send', payload: { to: 'a@example.com', subject: 'Hello', text: 'Hi' } };

  test('Q3: one message or many are stored, and a known dedup key stores no message', async () => {
    await app.tenants('acme');
    const instance = await app.start();
    const one = await post(instance, 'enqueue/acme', { ...order, dedupKey: 'order-1' });
    expect(one.status).toBe(202);
    const stored = (await one.json()) as { messageId: string };
    expect(stored).toEqual({ messageId: expect.stringMatching(/^[0-9a-f-]{36}$/), status: 'enqueued' });
    const many = await post(instance, 'enqueue/acme', [order, { ...order, dedupKey: 'order-1' }]);
    expect(await many.json()).toMatchObject([{ status: 'enqueued' }, { ...stored, status: 'duplicate' }]);
    // The wakes request the runs: no plan does.
    await until('they are dispatched', () => app.dispatched('acme').length === 2);
  });

  test('Q14: text comes through byte for byte', async () => {
    await app.tenants('acme');
    const instance = await app.start();
    const payload = 'NUL \u0000, ü, \u{1f600}, "quoted", \u2028';
    const answer = await post(instance, 'enqueue/acme', { topic: 'text', payload });
    const { messageId } = (await answer.json()) as { messageId: string };
    expect((await app.library.outbox('acme').get(messageId))!.payload).toBe(payload);
  });

  test('Q14: a payload of JSON is stored as its producer wrote it', async () => {
    await app.tenants('acme');
    const instance = await app.start();
    const payload = '{"id":9007199254740993, "price":1.10,"a":1,"a":2,"__proto__":{}}';
    const answer = await post(instance, 'enqueue/acme', `{"topic":"t","payload":${payload}}`);
    const { messageId } = (await answer.json()) as { messageId: string };
    expect((await app.library.outbox('acme').get(messageId))!.payload).toBe(payload);
  });

  test.each<[string, unknown, Record<string, string>, number, object]>([
    [
      'no JSON',
      '{secret',
      {},
      400,
      { code: 'INVALID_MESSAGE', detail: expect.stringContaining('the text is not valid JSON') },
    ],
    ['nothing', '', {}, 400, { code: 'INVALID_MESSAGE' }],
    ['an unknown field', { ...order, priorty: 1 }, {}, 400, { code: 'INVALID_MESSAGE' }],
    ['a topic too long', { ...order, topic: 'x'.repeat(201) }, {}, 400, { code: 'INVALID_MESSAGE' }],
    ['no message', [], {}, 400, { code: 'INVALID_MESSAGE' }],
    [
      'too many',
      Array(1_001).fill(0),
      {},
      400,
      { detail: expect.stringContaining('one request may have at most 1000') },
    ],
    ['another media type', order, { 'content-type': 'text/plain' }, 415, { title: 'Unsupported media type' }],
    ['too long a body', { ...order, payload: 'x'.repeat(10_000) }, {}, 413, { title: 'Too large' }],
  ])('%s is refused, and nothing is stored', async (_name, body, headers, status, expected) => {
    await app.tenants('acme');
    const instance = await app.start({ MULTI_OUTBOX_MAX_BODY_BYTES: '8000' });
    const answer = await post(instance, 'enqueue/acme', body, headers);
    expect(answer.status).toBe(status);
    expect(await problem(answer)).toMatchObject({ status, ...expected });
    expect(await app.library.outbox('acme').statistics()).toMatchObject({ ready: 0 });
  });

  /** Sends the text in chunks, without a Content-Length. */
  const postChunked = (
    instance: Instance,
    text: string,
    headers = { 'content-type': 'application/json' },
  ) => {
    const body = new Blob([text]).stream();
    return instance.fetch('enqueue/acme', { method: 'POST', headers, body, duplex: 'half' } as RequestInit);
  };

  test('a body of no declared length is stored whole', async () => {
    await app.tenants('acme');
    const instance = await app.start();
    const payload = 'x'.repeat(300_000);
    const answer = await postChunked(instance, JSON.stringify({ topic: 'text', payload }));
    expect(answer.status).toBe(202);
    const { messageId } = (await answer.json()) as { messageId: string };
    expect((await app.library.outbox('acme').get(messageId))!.payload).toBe(payload);
  });

  // The host can forward an answer only when the app has read the whole request.
  test.each<[string, Record<string, string>, object]>([
    ['too long', { 'content-type': 'application/json' }, { status: 413 }],
    ['of another media type', { 'content-type': 'text/plain' }, { status: 415 }],
  ])(
    'a large body that is %s is refused with its reason, with a length and without',
    async (_, headers, expected) => {
      await app.tenants('acme');
      const instance = await app.start();
      const text = JSON.stringify({ topic: 'text', payload: 'x'.repeat(16_000_000) });
      expect(await problem(await post(instance, 'enqueue/acme', text, headers))).toMatchObject(expected);
      expect(await problem(await postChunked(instance, text, headers as never))).toMatchObject(expected);
      expect(await problem(await post(instance, 'wake/nobody', text))).toMatchObject({ status: 404 });
      expect(await app.library.outbox('acme').statistics()).toMatchObject({ ready: 0 });
    },
  );

  // infra/ sets the host's limit to ten times the app's; test/integration/infra/sizes.ts checks that.
  test.each<[string, number, number]>([
    ['the reason, below the host’s own limit', 9_000, 413],
    ['no reason, above the host’s own limit', 81_000, 500],
  ])('a body that is too long gets %s', async (_, length, status) => {
    await app.tenants('acme');
    const instance = await app.start({
      MULTI_OUTBOX_MAX_BODY_BYTES: '8000',
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '80000',
    });
    const text = JSON.stringify({ topic: 'text', payload: 'x'.repeat(length) });
    expect((await post(instance, 'enqueue/acme', text)).status).toBe(status);
    expect((await postChunked(instance, text)).status).toBe(status);
    expect(await app.library.outbox('acme').statistics()).toMatchObject({ ready: 0 });
  });

  test('a body that is not UTF-8 is refused rather than stored as something else', async () => {
    await app.tenants('acme');
    const instance = await app.start();
    const answer = await instance.fetch('enqueue/acme', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from([0x22, 0xff, 0xfe, 0x22]),
    });
    expect(await problem(answer)).toMatchObject({
      status: 400,
      detail: 'The body is not valid UTF-8; encode it as UTF-8 and send it again.',
    });
  });

  test('an unknown tenant, a retired one, and one whose database is missing', async () => {
    await app.tenants('acme', 'birch', 'cedar');
    await app.library.tenants.remove('birch');
    await app.library.outbox('cedar').statistics();
    for (const suffix of ['', '-wal', '-shm'])
      rmSync(app.place.file(`tenants/cedar.db${suffix}`), { force: true });
    const instance = await app.start();
    expect(await problem(await post(instance, 'enqueue/nobody', order))).toMatchObject({
      status: 404,
      detail: 'There is no tenant of this id. Check the URL.',
      code: 'UNKNOWN_TENANT',
      type: 'urn:multi-outbox:error:UNKNOWN_TENANT',
    });
    expect(await problem(await post(instance, 'enqueue/birch', order))).toMatchObject({
      status: 409,
      detail: 'This tenant is paused or retired. Send the request again when it is active.',
      code: 'TENANT_NOT_ACTIVE',
    });
    const broken = await problem(await post(instance, 'enqueue/cedar', order));
    expect(broken).toMatchObject({
      status: 500,
      code: 'DATABASE_MISSING',
      detail: 'The log of this invocation has the reason.',
    });
    expect(JSON.stringify(instance.of('enqueue').at(-1)!.logs)).toContain('cedar.db');
  });
});

describe('wake over HTTP (F7)', () => {
  test('the tenant is dispatched without a plan; tenants that cannot be woken get an error', async () => {
    await app.tenants('acme', 'birch');
    await app.library.tenants.pause('birch');
    const instance = await app.start({ MULTI_OUTBOX_IDLE_CEILING: 'never' });
    await instance.tick();
    await until('it was found idle', () => instance.of('dispatch').length === 1);
    const answer = await instance.fetch('wake/acme', { method: 'POST' });
    expect([answer.status, await answer.json()]).toEqual([202, { tenantId: 'acme' }]);
    await until('it is dispatched', () => instance.of('dispatch').length === 2);
    expect(instance.runs()).toMatchObject([{ outcome: 'idle' }, { outcome: 'idle' }]);
    expect(await problem(await instance.fetch('wake/nobody', { method: 'POST' }))).toMatchObject({
      status: 404,
    });
    expect(await problem(await instance.fetch('wake/birch', { method: 'POST' }))).toMatchObject({
      status: 409,
    });
    expect((await instance.fetch('wake/acme')).status).toBe(404);
  });
});

describe('health', () => {
  test('live, ready and fleet answer, and touch no tenant database (F6)', async () => {
    await app.tenants('acme');
    const before = await app.library.outbox('acme').statistics();
    const instance = await app.start();
    expect(await (await instance.fetch('health/live')).json()).toEqual({ status: 'ok' });
    const ready = await instance.fetch('health/ready');
    expect([ready.status, await ready.json()]).toEqual([
      200,
      {
        status: 'ok',
        checks: {
          configuration: { ok: true },
          sources: { ok: true },
          handlers: { ok: true },
          registry: { ok: true },
          instance: { ok: true },
        },
      },
    ]);
    const fleet = await (await instance.fetch('health/fleet')).json();
    expect(fleet).toMatchObject({
      status: 'ok',
      fleet: { tenants: { active: 1 }, due: 1 },
      worst: [{ tenantId: 'acme', lastRunUtc: null, lastError: null }],
      examined: 1,
      complete: true,
    });
    expect(await app.library.outbox('acme').statistics()).toEqual(before);
  });

  test('S6: fleet answers 503 if it finds what fail-on names', async () => {
    await app.tenants('acme');
    const instance = await app.start();
    // No plan has been made.
    const stale = await instance.fetch('health/fleet?fail-on=stale');
    expect([stale.status, await stale.json()]).toEqual([
      503,
      expect.objectContaining({ status: 'troubled', troubles: ['stale'] }),
    ]);
    expect((await instance.fetch('health/fleet?fail-on=dead')).status).toBe(200);
    expect(await problem(await instance.fetch('health/fleet?fail-on=deed'))).toMatchObject({ status: 400 });
  });

  test('a registry without its schema is not ready, and the answer shows only the code', async () => {
    const instance = await app.start();
    const ready = await instance.fetch('health/ready');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      status: 'failed',
      checks: { registry: { ok: false, code: 'SCHEMA_MISSING' } },
    });
    expect((await instance.fetch('health/live')).status).toBe(200);
    expect(await problem(await instance.fetch('health/fleet'))).toMatchObject({ status: 500 });
  });

  test('a registry that a later release has migrated is ready: it serves two releases', async () => {
    await app.tenants('acme');
    const registry = new DatabaseSync(app.place.file('registry.db'), { timeout: 5_000 });
    registry.exec("INSERT INTO SchemaJournal VALUES (99, 'later', 'x', 0)");
    registry.close();
    const instance = await app.start();
    expect((await instance.fetch('health/ready')).status).toBe(200);
    expect((await instance.tick()).outputs).toHaveLength(1);
  });

  test('an app with a wrong configuration starts and reports it in the log and in health', async () => {
    const instance = await app.start({ MULTI_OUTBOX_TIME_BUDGET: '1h' });
    expect(instance.output).toContain(
      'MULTI_OUTBOX_TIME_BUDGET is 3600000 ms, but it must be at most 557000 ms',
    );
    const ready = await instance.fetch('health/ready');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      checks: { configuration: { ok: false, code: 'INVALID_CONFIGURATION' } },
    });
    expect(await problem(await post(instance, 'wake/acme', ''))).toMatchObject({ status: 500 });
    const plan = await instance.tick();
    expect(plan.error).toContain('MULTI_OUTBOX_TIME_BUDGET is 3600000 ms');
  });
});
