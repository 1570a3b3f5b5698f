import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { webhookPost } from '../../../src/handlers/webhook.ts';
import { until } from '../../support/until.ts';
import { attemptOnce } from '../../unit/handlers/one-attempt.ts';
import { answering, startReceiver } from './receiver.ts';

const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const handler = webhookPost({ secret, allowPrivateAddresses: true });

describe('what the receiver gets', () => {
  test('JSON that is signed, with headers to recognise and trace it', async () => {
    await using receiver = await startReceiver(answering(204));
    const messageId = randomUUID();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const body = { order: 7, name: 'Zoë 🚀' };
    const outcome = await attemptOnce(
      handler,
      { url: `${receiver.origin}/hook?a=b`, body, headers: { Authorization: 'Bearer t', 'X-Own': 'yes' } },
      { messageId, headers: { traceparent, tracestate: 'vendor=1' } },
    );

    expect(outcome).toEqual({ kind: 'done' });
    expect(receiver.received).toHaveLength(1);
    const [request] = receiver.received;
    expect(request).toMatchObject({ method: 'POST', path: '/hook?a=b', body: JSON.stringify(body) });
    expect(request!.headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': `acme:${messageId}`,
      'webhook-id': messageId,
      traceparent,
      tracestate: 'vendor=1',
      'user-agent': 'multi-outbox',
      authorization: 'Bearer t',
      'x-own': 'yes',
    });
    expect(new Webhook(secret).verify(request!.body, request!.headers as Record<string, string>)).toEqual(
      body,
    );
  });

  test('text is sent byte for byte, with its own content type', async () => {
    await using receiver = await startReceiver(answering(200));
    const text = '{"big": 12345678901234567890,\n "spaced":  true}';
    const payload = { url: receiver.origin, body: text, headers: { 'Content-Type': 'application/json' } };
    expect(await attemptOnce(handler, payload)).toEqual({ kind: 'done' });
    expect(await attemptOnce(handler, { url: receiver.origin, body: 'plain' })).toEqual({ kind: 'done' });
    const [own, plain] = receiver.received;
    expect(own).toMatchObject({ body: text, headers: { 'content-type': 'application/json' } });
    expect(plain).toMatchObject({ body: 'plain', headers: { 'content-type': 'text/plain; charset=utf-8' } });
    new Webhook(secret).verify(own!.body, own!.headers as Record<string, string>);
  });

  test.each([
    '9007199254740993',
    '{"price":1.10,"big":12345678901234567890,"b":1,"a":2,"10":3,"2":4}',
    '{"a":1,"a":2}',
    '{"__proto__":{"admin":true},"constructor":1}',
    '[ 1,\n {"text":"} ]"} ]',
  ])('Q14: the JSON %s is sent and signed as its producer wrote it', async (body) => {
    await using receiver = await startReceiver(answering(200));
    const payload = `{"headers":{"a":"b"}, "body" : ${body} ,"url":"${receiver.origin}"}`;
    expect(await attemptOnce(handler, payload)).toEqual({ kind: 'done' });
    const [request] = receiver.received;
    expect(request).toMatchObject({ body, headers: { 'content-type': 'application/json' } });
    new Webhook(secret).verify(request!.body, request!.headers as Record<string, string>);
  });

  test('Q15: a payload with two bodies is Dead, and none is sent', async () => {
    await using receiver = await startReceiver(answering(200));
    const outcome = await attemptOnce(handler, `{"url":"${receiver.origin}","body":{"n":1},"body":{"n":2}}`);
    expect(outcome).toMatchObject({ kind: 'dead', error: expect.stringContaining('a field twice') });
    expect(receiver.received).toEqual([]);
  });

  test.each([
    ['the URL', (origin: string) => `{"url":"https://elsewhere.example","url":"${origin}","body":"text"}`],
    ['a header', (origin: string) => `{"url":"${origin}","headers":{"x-a":"1","x-a":"2"},"body":"text"}`],
  ])('Q15: a payload that has %s twice is Dead, also with a text as its body', async (_, payload) => {
    await using receiver = await startReceiver(answering(200));
    const outcome = await attemptOnce(handler, payload(receiver.origin));
    expect(outcome).toMatchObject({ kind: 'dead', error: expect.stringContaining('a field twice') });
    expect(receiver.received).toEqual([]);
  });

  test('a missing body and null differ', async () => {
    await using receiver = await startReceiver(answering(200));
    await attemptOnce(handler, { url: receiver.origin });
    await attemptOnce(handler, { url: receiver.origin, body: null });
    const [none, nothing] = receiver.received;
    expect(none).toMatchObject({ body: '', headers: { 'content-length': '0' } });
    expect(none!.headers).not.toHaveProperty('content-type');
    expect(nothing).toMatchObject({ body: 'null', headers: { 'content-type': 'application/json' } });
  });

  test('every attempt has the same id and key', async () => {
    await using receiver = await startReceiver(answering(500));
    const messageId = randomUUID();
    await attemptOnce(handler, { url: receiver.origin, body: 1 }, { messageId });
    await attemptOnce(handler, { url: receiver.origin, body: 1 }, { messageId });
    const keys = receiver.received.map(({ headers }) => [headers['webhook-id'], headers['idempotency-key']]);
    expect(keys).toEqual([
      [messageId, `acme:${messageId}`],
      [messageId, `acme:${messageId}`],
    ]);
  });

  test('without a secret no request is signed; a tenant can have its own', async () => {
    await using receiver = await startReceiver(answering(200));
    const perTenant = webhookPost({
      allowPrivateAddresses: true,
      secret: async (tenantId) => (tenantId === 'acme' ? secret : undefined),
    });
    await attemptOnce(webhookPost({ allowPrivateAddresses: true }), { url: receiver.origin, body: 1 });
    await attemptOnce(perTenant, { url: receiver.origin, body: 1 }, { tenantId: 'other' });
    await attemptOnce(perTenant, { url: receiver.origin, body: 1 }, { tenantId: 'acme' });
    const [unsigned, other, acme] = receiver.received;
    expect(unsigned!.headers).not.toHaveProperty('webhook-signature');
    expect(other!.headers).not.toHaveProperty('webhook-signature');
    new Webhook(secret).verify(acme!.body, acme!.headers as Record<string, string>);
  });

  test('invalid trace headers are left out, and the message is sent', async () => {
    await using receiver = await startReceiver(answering(200));
    const headers = { traceparent: 'x\r\ny: z', tracestate: 'a=b' };
    expect(await attemptOnce(handler, { url: receiver.origin }, { headers })).toEqual({ kind: 'done' });
    expect(receiver.received[0]!.headers).not.toHaveProperty('traceparent');
    expect(receiver.received[0]!.headers).not.toHaveProperty('tracestate');
  });
});

describe('what the answer means', () => {
  test.each([200, 201, 202, 204, 299])('%i is Done', async (status) => {
    await using receiver = await startReceiver(answering(status));
    expect(await attemptOnce(handler, { url: receiver.origin })).toEqual({ kind: 'done' });
  });

  test.each([408, 425, 429, 500, 502, 503, 504, 507])('%i is tried again', async (status) => {
    await using receiver = await startReceiver(answering(status, {}, 'receiver-said-this'));
    expect(await attemptOnce(handler, { url: receiver.origin })).toEqual({
      kind: 'retry',
      delayMs: 0,
      error: `The receiver answered ${status}; each retry of the message sends the request again.`,
    });
  });

  test.each([300, 304, 400, 401, 403, 404, 409, 410, 422, 451])('%i is Dead', async (status) => {
    await using receiver = await startReceiver(
      answering(status, { 'retry-after': '5' }, status === 304 ? '' : 'receiver-said-this'),
    );
    const outcome = await attemptOnce(handler, { url: receiver.origin, body: 'message-said-this' });
    expect(outcome).toEqual({ kind: 'dead', error: expect.stringContaining(String(status)) });
    expect(JSON.stringify(outcome)).not.toMatch(/said-this|127\.0\.0\.1/);
  });

  test.each([429, 503])('%i with Retry-After waits that number of seconds', async (status) => {
    await using receiver = await startReceiver(answering(status, { 'retry-after': '120' }));
    expect(await attemptOnce(handler, { url: receiver.origin })).toEqual({
      kind: 'retry',
      delayMs: 120_000,
      error: `The receiver answered ${status} and asked to wait 120 seconds; the next attempt comes no sooner.`,
    });
  });

  test('Retry-After as a date counts from the Date of the answer', async () => {
    const headers = { date: 'Sun, 06 Nov 1994 08:49:37 GMT', 'retry-after': 'Sun, 06 Nov 1994 08:51:07 GMT' };
    await using receiver = await startReceiver(answering(503, headers));
    expect(await attemptOnce(handler, { url: receiver.origin })).toMatchObject({
      kind: 'retry',
      delayMs: 90_000,
    });
  });

  test('Retry-After is capped at an hour, and ignored when it is nonsense', async () => {
    await using long = await startReceiver(answering(503, { 'retry-after': '99999999' }));
    await using nonsense = await startReceiver(answering(503, { 'retry-after': 'soon' }));
    expect(await attemptOnce(handler, { url: long.origin })).toMatchObject({ delayMs: 3_600_000 });
    expect(await attemptOnce(handler, { url: nonsense.origin })).toMatchObject({ kind: 'retry', delayMs: 0 });
  });

  test('the status decides although the body never ends', async () => {
    await using receiver = await startReceiver((_request, response) => {
      response.writeHead(200);
      response.write('a'); // and no end
    });
    expect(await attemptOnce(handler, { url: receiver.origin })).toEqual({ kind: 'done' });
  });

  test('a huge body is not read to its end', async () => {
    let closed!: (bytes: number) => void;
    const cut = new Promise<number>((resolve) => {
      closed = resolve;
    });
    await using receiver = await startReceiver((request, response) => {
      const chunk = Buffer.alloc(65_536);
      const pour = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', pour);
      response.on('close', () => closed(request.socket.bytesWritten));
      response.writeHead(500);
      pour();
    });
    expect(await attemptOnce(handler, { url: receiver.origin })).toMatchObject({ kind: 'retry' });
    // The kernel's buffers are sent and thrown away. If the handler read an endless body, the test would never get
    // here.
    expect(await cut).toBeGreaterThan(0);
  });

  test('an oversize header section is retried', async () => {
    await using receiver = await startReceiver(answering(200, { 'x-large': 'x'.repeat(100_000) }));
    expect(await attemptOnce(handler, { url: receiver.origin })).toMatchObject({
      kind: 'retry',
      error:
        "The receiver could not be reached: HPE_HEADER_OVERFLOW; check the message's URL, and that the receiver runs.",
    });
  });
});

describe('connections', () => {
  test('one is reused for the next request to the same origin', async () => {
    await using receiver = await startReceiver(answering(200, {}, 'thank you'));
    for (let n = 0; n < 3; n++)
      expect(await attemptOnce(handler, { url: receiver.origin })).toEqual({ kind: 'done' });
    expect(receiver.connections()).toBe(1);
  });

  test('D8: a tenant that posts to very many hosts leaves few of them open', async () => {
    await using receiver = await startReceiver(answering(200));
    const toAnyHost = webhookPost({ allowPrivateAddresses: true, resolve: async () => ['127.0.0.1'] });
    for (let n = 0; n < 20; n++) {
      const hosts = Array.from({ length: 8 }, (_, index) => `h${n * 8 + index}.example`);
      await Promise.all(
        hosts.map((host) => attemptOnce(toAnyHost, { url: `http://${host}:${receiver.port}/` })),
      );
    }
    expect(receiver.received).toHaveLength(160);
    // Idle ones would close by themselves, but later.
    await until('the others are closed', () => receiver.open() <= 64, 3_000);
  });
});

describe('without an answer', () => {
  test('a refused connection is retried', async () => {
    const receiver = await startReceiver(answering(200));
    await receiver[Symbol.asyncDispose]();
    expect(await attemptOnce(handler, { url: receiver.origin })).toEqual({
      kind: 'retry',
      delayMs: 0,
      error:
        "The receiver could not be reached: ECONNREFUSED; check the message's URL, and that the receiver runs.",
    });
  });

  test('a broken connection is retried', async () => {
    await using receiver = await startReceiver((request) => request.socket.destroy());
    expect(await attemptOnce(handler, { url: receiver.origin })).toMatchObject({
      kind: 'retry',
      error: expect.stringMatching(/could not be reached: ECONNRESET/),
    });
  });

  test('an unknown host name is retried', async () => {
    const unknown = webhookPost({
      allowPrivateAddresses: false,
      resolve: async () => {
        throw Object.assign(new Error('getaddrinfo ENOTFOUND hook.example.com'), { code: 'ENOTFOUND' });
      },
    });
    expect(await attemptOnce(unknown, { url: 'http://hook.example.com/' })).toMatchObject({
      kind: 'retry',
      error:
        "The receiver could not be reached: ENOTFOUND; check the message's URL, and that the receiver runs.",
    });
  });

  test('an answer that switches protocols is retried', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).resume();
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const outcome = await attemptOnce(handler, { url: `http://127.0.0.1:${port}/` });
    await new Promise((resolve) => server.close(resolve));
    expect(outcome).toMatchObject({ kind: 'retry', error: expect.stringContaining('could not be reached') });
  });

  test('a failed TLS handshake is retried', async () => {
    await using receiver = await startReceiver(answering(200));
    const outcome = await attemptOnce(handler, { url: receiver.origin.replace('http:', 'https:') });
    expect(outcome).toMatchObject({ kind: 'retry', error: expect.stringContaining('could not be reached') });
    expect(receiver.received).toEqual([]);
  });

  test('an answer that is not HTTP is retried', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).resume();
      socket.end('hello there\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const outcome = await attemptOnce(handler, { url: `http://127.0.0.1:${port}/` });
    await new Promise((resolve) => server.close(resolve));
    expect(outcome).toMatchObject({
      kind: 'retry',
      error: expect.stringMatching(/could not be reached: HPE_/),
    });
  });

  test('when the signal fires, the request is aborted and its connection closed', async () => {
    let closed!: () => void;
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    let arrived!: () => void;
    const here = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await using receiver = await startReceiver((request) => {
      request.socket.on('close', closed);
      arrived();
    });
    const reason = new Error('The run stops.');
    const outcome = attemptOnce(
      handler,
      { url: receiver.origin },
      { onStart: (attempt) => void here.then(() => attempt.abort(reason)) },
    );
    expect(await outcome).toMatchObject({ kind: 'retry', error: 'The run stops.' });
    await gone;
  });

  test('its own timeout overrides the run’s', async () => {
    await using receiver = await startReceiver(() => {});
    const impatient = webhookPost({ allowPrivateAddresses: true, timeoutMs: 50 });
    expect(await attemptOnce(impatient, { url: receiver.origin })).toMatchObject({
      kind: 'retry',
      error:
        "The handler for topic 'webhook.post' did not end within its timeout of 50ms; make it faster, or raise its timeout.",
    });
  });
});

test('a payload that does not fit goes to Dead with the reason, and no request is sent', async () => {
  expect(await attemptOnce(handler, { url: 'ftp://example.com' })).toMatchObject({
    kind: 'dead',
    error: expect.stringContaining('url: must begin with https:// or http://'),
  });
});
