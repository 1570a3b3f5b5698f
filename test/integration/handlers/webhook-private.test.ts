import { HostLookups } from '../../../src/handlers/host-lookups.ts';
import { type AddressFence, nonPublicRange } from '../../../src/handlers/public-address.ts';
import { webhookPost } from '../../../src/handlers/webhook.ts';
import { webhookSender } from '../../../src/handlers/webhook-request.ts';
import { attemptOnce } from '../../unit/handlers/one-attempt.ts';
import { answering, type Receiver, startReceiver } from './receiver.ts';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver(answering(200));
});
afterEach(() => {
  receiver.received.length = 0;
});
afterAll(() => receiver[Symbol.asyncDispose]());

const refused = (range: string) => ({
  kind: 'dead',
  error:
    `The URL leads to an address that is not public (${range}), so the request was not sent; ` +
    'set MULTI_OUTBOX_WEBHOOK_ALLOW_PRIVATE=true to allow such addresses.',
});

describe('without the setting', () => {
  const handler = webhookPost({ allowPrivateAddresses: false });

  test.each([
    ['127.0.0.1', 'loopback'],
    ['127.1', 'loopback'],
    ['2130706433', 'loopback'],
    ['0x7f000001', 'loopback'],
    ['0177.0.0.1', 'loopback'],
    ['127.0.0.1.', 'loopback'],
    ['0.0.0.0', 'unspecified'],
    ['[::1]', 'loopback'],
    ['[::]', 'unspecified'],
    ['[::ffff:127.0.0.1]', 'loopback'],
    ['[::127.0.0.1]', 'reserved'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['192.168.0.1', 'private'],
    ['169.254.169.254', 'linkLocal'],
    ['100.64.0.1', 'carrierGradeNat'],
    ['168.63.129.16', 'azurePlatform'],
    ['[fc00::1]', 'uniqueLocal'],
    ['[fe80::1]', 'linkLocal'],
    ['[64:ff9b::7f00:1]', 'rfc6052'],
    ['[2002:7f00:1::]', '6to4'],
  ])('http://%s is Dead: %s', async (host, range) => {
    const url = `http://${host}:${receiver.port}/`;
    expect(await attemptOnce(handler, { url })).toEqual(refused(range));
    expect(receiver.received).toEqual([]);
  });

  test.each(['localhost', 'LOCALHOST'])('%s, which the machine resolves, is Dead', async (host) => {
    expect(await attemptOnce(handler, { url: `http://${host}:${receiver.port}/` })).toEqual(
      refused('loopback'),
    );
    expect(receiver.received).toEqual([]);
  });
});

describe('names', () => {
  test('one private address among public ones is enough', async () => {
    const handler = webhookPost({
      allowPrivateAddresses: false,
      resolve: async () => ['1.1.1.1', '127.0.0.1'],
    });
    expect(await attemptOnce(handler, { url: `http://hook.example.com:${receiver.port}/` })).toEqual(
      refused('loopback'),
    );
    expect(receiver.received).toEqual([]);
  });

  test('https is fenced too', async () => {
    const handler = webhookPost({ allowPrivateAddresses: false, resolve: async () => ['10.0.0.1'] });
    expect(await attemptOnce(handler, { url: 'https://hook.example.com/' })).toEqual(refused('private'));
  });

  test('the connection goes to the address that was checked, with one look-up', async () => {
    const asked: string[] = [];
    const handler = webhookPost({
      allowPrivateAddresses: true,
      resolve: async (hostname) => {
        asked.push(hostname);
        return ['127.0.0.1'];
      },
    });
    // The name does not exist, so a connection shows that the socket used the checked answer.
    const url = `http://rebinding.example.invalid:${receiver.port}/`;
    expect(await attemptOnce(handler, { url })).toEqual({ kind: 'done' });
    expect(asked).toEqual(['rebinding.example.invalid']);
    expect(receiver.received[0]!.headers.host).toBe(`rebinding.example.invalid:${receiver.port}`);
  });
});

describe('redirects', () => {
  // A fence with a gap for 127.0.0.1, where the first hop plays the public receiver; the rest is the real one.
  const fence: AddressFence = (address) => (address === '127.0.0.1' ? null : nonPublicRange(address));
  const request = (origin: string) => ({
    tenantId: 'acme',
    url: new URL(origin),
    body: '',
    headers: {},
    ownHeaders: {},
  });

  test.each([
    ['IPv6 loopback', 'http://[::1]/', 'loopback'],
    ['IPv4 in IPv6', 'http://[::ffff:127.0.0.1]/', 'loopback'],
    ['a short form', 'http://10.1/', 'private'],
    ['metadata', 'http://169.254.169.254/latest/meta-data/', 'linkLocal'],
    ['a name that leads inside', 'http://inside.example.com/', 'private'],
  ])('to %s are not followed', async (_what, location, range) => {
    const send = webhookSender(new HostLookups(async () => ['192.168.0.1']), fence);
    await using first = await startReceiver(answering(307, { location }));
    await expect(send(request(first.origin), new AbortController().signal, () => {})).rejects.toMatchObject({
      name: 'PermanentError',
      message: refused(range).error,
    });
    expect(first.received).toHaveLength(1);
  });
});
