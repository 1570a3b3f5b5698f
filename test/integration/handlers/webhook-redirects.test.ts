import { webhookPost } from '../../../src/handlers/webhook.ts';
import { attemptOnce } from '../../unit/handlers/one-attempt.ts';
import { answering, type Receiver, startReceiver } from './receiver.ts';

const handler = webhookPost({ allowPrivateAddresses: true });

/** Answers /0 with a redirect to /1 and so on, and the last one with 200. */
function chain(status: number, hops: number): Promise<Receiver> {
  return startReceiver((request, response) => {
    const hop = Number(request.url?.slice(1));
    if (hop < hops) response.writeHead(status, { location: `/${hop + 1}` }).end();
    else response.writeHead(200).end();
  });
}

test.each([307, 308])('%i is followed up to three times, as the same request', async (status) => {
  await using receiver = await chain(status, 3);
  const payload = { url: `${receiver.origin}/0`, body: { a: 1 }, headers: { authorization: 'Bearer t' } };
  expect(await attemptOnce(handler, payload)).toEqual({ kind: 'done' });
  expect(receiver.received.map(({ path }) => path)).toEqual(['/0', '/1', '/2', '/3']);
  for (const request of receiver.received) {
    expect(request).toMatchObject({
      method: 'POST',
      body: '{"a":1}',
      headers: { authorization: 'Bearer t' },
    });
    expect(request.headers['webhook-id']).toBe(receiver.received[0]!.headers['webhook-id']);
  }
});

test('the fourth redirect is Dead', async () => {
  await using receiver = await chain(307, 4);
  expect(await attemptOnce(handler, { url: `${receiver.origin}/0` })).toEqual({
    kind: 'dead',
    error: 'The receiver redirected the request more than 3 times; put its new URL in the message.',
  });
  expect(receiver.received).toHaveLength(4);
});

test.each([301, 302, 303])('%i is Dead: following would lose the body', async (status) => {
  await using receiver = await chain(status, 1);
  expect(await attemptOnce(handler, { url: `${receiver.origin}/0`, body: 1 })).toEqual({
    kind: 'dead',
    error: expect.stringContaining(`answered ${status}, a redirect that would turn the POST into a GET`),
  });
  expect(receiver.received).toHaveLength(1);
});

test('headers of the message stay with the origin that they were meant for', async () => {
  await using other = await startReceiver(answering(200));
  await using receiver = await startReceiver(answering(307, { location: `${other.origin}/new` }));
  const headers = { authorization: 'Bearer t', 'x-api-key': 'k', 'content-type': 'text/csv' };
  expect(await attemptOnce(handler, { url: receiver.origin, body: 'a,b', headers })).toEqual({
    kind: 'done',
  });
  expect(receiver.received[0]!.headers).toMatchObject(headers);
  expect(other.received[0]).toMatchObject({
    path: '/new',
    body: 'a,b',
    headers: { 'content-type': 'text/csv' },
  });
  expect(other.received[0]!.headers).toHaveProperty('idempotency-key');
  expect(other.received[0]!.headers).not.toHaveProperty('authorization');
  expect(other.received[0]!.headers).not.toHaveProperty('x-api-key');
});

test.each<[string, Record<string, string>]>([
  ['no location', {}],
  ['an unreadable location', { location: 'http://' }],
  ['another scheme', { location: 'file:///etc/passwd' }],
  ['a password in it', { location: 'http://user:password@127.0.0.1/' }],
])('a redirect with %s is Dead', async (_what, headers) => {
  await using receiver = await startReceiver(answering(307, headers));
  const outcome = await attemptOnce(handler, { url: receiver.origin });
  expect(outcome).toEqual({
    kind: 'dead',
    error:
      "The receiver answered 307 but gave no valid URL to redirect to; put the receiver's current URL in the message.",
  });
});

test('the answer at the end of a redirect decides', async () => {
  await using end = await startReceiver(answering(503, { 'retry-after': '7' }));
  await using receiver = await startReceiver(answering(308, { location: end.origin }));
  expect(await attemptOnce(handler, { url: receiver.origin })).toMatchObject({
    kind: 'retry',
    delayMs: 7_000,
  });
});
