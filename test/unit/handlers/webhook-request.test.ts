import { HostLookups } from '../../../src/handlers/host-lookups.ts';
import { noFence } from '../../../src/handlers/public-address.ts';
import { webhookSender } from '../../../src/handlers/webhook-request.ts';
import { turns } from '../../support/deferred.ts';
import { fakeTimers } from '../../support/fake-timers.ts';

const never = new AbortController().signal;

describe('D8: a request that ends by itself', () => {
  const pass = fakeTimers();

  test('D8: its look-up ends with it, also one that waits for its turn', async () => {
    const asked: string[] = [];
    const resolve = async (name: string) => {
      asked.push(name);
      return name === 'fine.test' ? ['192.0.2.1'] : new Promise<string[]>(() => {});
    };
    // Longer than the limit for connecting, so that the requests end before their look-ups.
    const lookups = new HostLookups(resolve, { timeoutMs: 60_000 });
    const send = webhookSender(lookups, noFence);
    const posts = Promise.allSettled(
      Array.from({ length: 12 }, () => {
        const url = new URL('http://silent.test/');
        const request = { tenantId: 'acme', url, body: undefined, headers: {}, ownHeaders: {} };
        return send(request, never, () => {});
      }),
    );
    await turns();
    expect(asked).toEqual(Array(4).fill('silent.test'));
    await pass(10_000);
    for (const { status } of await posts) expect(status).toBe('rejected');

    let found: readonly string[] | undefined;
    void lookups.find('fine.test', 'acme', never).then((addresses) => {
      found = addresses;
    });
    await turns();
    expect(found).toEqual(['192.0.2.1']);
  });
});
