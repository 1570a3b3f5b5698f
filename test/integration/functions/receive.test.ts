/** I1, I2: webhooks over HTTP, signed by the reference implementation of Standard Webhooks. */

import { Webhook } from 'standardwebhooks';
import { Azurite } from '../../support/azurite.ts';
import { deadOf } from '../../support/dead-letters.ts';
import { FunctionsApp, type Instance } from '../../support/functions-app.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await Azurite.start();
});
afterAll(() => azurite?.stop());
const app = new FunctionsApp(() => azurite);

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const settings = {
  MULTI_OUTBOX_RECEIVE_SOURCES: 'bank=BANK_SECRET',
  BANK_SECRET: secret,
  MULTI_OUTBOX_MAX_BODY_BYTES: '8000',
};
const paid = '{"type":"order.paid","data":{"order":"ä 1"}}';

interface Sent {
  readonly to?: string;
  readonly id?: string;
  readonly body?: string | Buffer;
  /** The text that is signed. */
  readonly signed?: string;
  readonly sentAt?: Date;
}

function send(
  instance: Instance,
  { to = 'acme/bank', id = 'msg_1', body = paid, signed = body.toString(), sentAt = new Date() }: Sent = {},
): Promise<Response> {
  return instance.fetch(`receive/${to}`, {
    method: 'POST',
    headers: {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign(id, sentAt, signed),
    },
    body,
  });
}

async function problem(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const text = await response.text();
  expect(text).not.toMatch(/whsec_|BANK_SECRET|\.db\b/);
  return JSON.parse(text);
}

async function started(): Promise<Instance> {
  await app.tenants('acme');
  return app.start(settings);
}

test('I1: a webhook is stored before the answer, and once however often it arrives', async () => {
  const instance = await started();
  const first = await send(instance);
  expect(first.status).toBe(202);
  const received = (await first.json()) as { messageId: string };
  expect(received).toEqual({ status: 'accepted', messageId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  const { messageId } = received;
  expect(await app.library.inbox('acme').get(messageId)).toMatchObject({
    topic: 'order.paid',
    payload: paid,
    source: 'bank',
    dedupKey: 'msg_1',
  });
  const again = await send(instance, { sentAt: new Date(Date.now() + 2_000) });
  expect([again.status, await again.json()]).toEqual([200, { status: 'duplicate', messageId }]);
  expect(await app.library.inbox('acme').statistics()).toMatchObject({ ready: 1, dead: 0 });
});

test('I1: a signed webhook without a Content-Length is stored', async () => {
  const instance = await started();
  const sentAt = new Date();
  const init = {
    method: 'POST',
    headers: {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign('msg_1', sentAt, paid),
    },
    body: new Blob([paid]).stream(),
    duplex: 'half',
  };
  const answer = await instance.fetch('receive/acme/bank', init as RequestInit);
  expect(answer.status).toBe(202);
  const { messageId } = (await answer.json()) as { messageId: string };
  expect(await app.library.inbox('acme').get(messageId)).toMatchObject({ payload: paid });
});

test('I2: other content under a known id is a conflict, and kept', async () => {
  const instance = await started();
  const { messageId } = (await (await send(instance)).json()) as { messageId: string };
  // The conflict is stored, so that its sender need not repeat it.
  const conflict = await send(instance, { body: '{"type":"order.paid"}' });
  expect([conflict.status, await conflict.json()]).toEqual([200, { status: 'conflict', messageId }]);
  expect(await deadOf(app.library, 'acme', 'inbox').list()).toMatchObject([
    { payload: '{"type":"order.paid"}' },
  ]);
});

test.each<[string, Sent, number]>([
  ['a body that was not signed', { signed: `${paid} ` }, 401],
  ['a request of long ago', { sentAt: new Date(Date.now() - 3_600_000) }, 401],
  ['an unknown source', { to: 'acme/shop' }, 404],
  ['an unknown source of an unknown tenant', { to: 'nobody/shop' }, 404],
  ['an unknown tenant, signed', { to: 'nobody/bank' }, 404],
  ['an unknown tenant, not signed', { to: 'nobody/bank', signed: 'x' }, 401],
  ['too long a body', { body: 'x'.repeat(9_000) }, 413],
  ['a body that is not UTF-8', { body: Buffer.from([0x22, 0xff, 0x22]) }, 400],
  ['too long an id', { id: 'x'.repeat(201) }, 400],
])('%s is refused, and nothing is stored', async (_, request, status) => {
  const instance = await started();
  const answer = await send(instance, request);
  expect(answer.status).toBe(status);
  expect(await problem(answer)).toMatchObject({ status });
  expect(await app.library.inbox('acme').statistics()).toMatchObject({ ready: 0, dead: 0 });
});

test('a source without its secret is not available, and health names it; everything else works', async () => {
  await app.tenants('acme');
  const instance = await app.start({
    ...settings,
    BANK_SECRET: '',
    MULTI_OUTBOX_RECEIVE_SOURCES: 'bank=BANK_SECRET, shop=SHOP_SECRET',
    SHOP_SECRET: secret,
  });
  expect(instance.output).toContain("'BANK_SECRET'");
  expect(await problem(await send(instance))).toMatchObject({ status: 503 });
  expect((await send(instance, { to: 'acme/shop' })).status).toBe(202);
  const ready = await instance.fetch('health/ready');
  const sources = { ok: false, code: 'INVALID_CONFIGURATION', unusable: ['bank'] };
  expect([ready.status, await ready.json()]).toEqual([
    503,
    expect.objectContaining({
      checks: expect.objectContaining({ configuration: { ok: true }, registry: { ok: true }, sources }),
    }),
  ]);
  expect((await instance.fetch('wake/acme', { method: 'POST' })).ok).toBe(true);
});
