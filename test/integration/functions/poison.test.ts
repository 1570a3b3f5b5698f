import { Azurite } from '../../support/azurite.ts';
import { FunctionsApp } from '../../support/functions-app.ts';
import { until } from '../../support/until.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await Azurite.start();
});
afterAll(() => azurite?.stop());
const app = new FunctionsApp(() => azurite);

describe('requests that cannot be dispatched', () => {
  test('a malformed request goes to the poison queue with the reason, and into status and health', async () => {
    await app.tenants('acme');
    const instance = await app.start();
    await azurite.send('multi-outbox-dispatch', { tenantId: 'acme', version: 9, reason: 'due' });
    await until('it is recorded', () => instance.of('poison').length === 1);

    const [dispatch] = instance.of('dispatch');
    expect(dispatch!.error).toBeUndefined();
    expect(dispatch!.outputs).toMatchObject([{ queueName: 'multi-outbox-dispatch-poison' }]);
    const reason = expect.stringContaining(
      "This is not a dispatch request: 'version' is missing or has a wrong value",
    );
    expect(JSON.parse(dispatch!.outputs[0]!.text)).toMatchObject({ tenantId: 'acme', reason });

    const { schedule } = await app.library.tenants.get('acme');
    expect(schedule).toMatchObject({ lastErrorCode: 'POISONED', lastError: reason, failureStreak: 1 });
    const health = await (await instance.fetch('health/fleet')).json();
    expect(health).toMatchObject({
      status: 'troubled',
      fleet: { failing: 1 },
      worst: [{ tenantId: 'acme', lastError: { code: 'POISONED', message: reason } }],
    });
    await until(
      'no queue holds anything',
      async () => (await azurite.count('multi-outbox-dispatch-poison')) === 0,
    );

    // The tenant is not affected: the next run succeeds.
    await app.library.outbox('acme').enqueue(app.mails(['one']));
    await instance.tick();
    await until('its mail is written', () => app.dispatched('acme').length === 1);
    await until('its run is reported', async () => (await app.library.status()).failing === 0);
  });

  test.each<[string, string, string]>([
    ['multi-outbox-dispatch', 'hello', 'This is not a dispatch request: it is not JSON'],
    ['multi-outbox-dispatch', '{"tenantId":"nobody"}', "There is no tenant 'nobody'"],
    ['multi-outbox-pages', '{"version":1}', 'This is not a page of dispatch requests'],
    ['multi-outbox-wake', '{"tenantId":7}', 'This is not a wake'],
    ['multi-outbox-wake', 'nobody', "There is no tenant 'nobody'"],
  ])('%s: %s is reported, and affects no other request', async (queueName, content, reason) => {
    await app.tenants('acme');
    const instance = await app.start();
    await azurite.send(queueName, content);
    const [poison] = await until('it is told of', () => {
      const invocations = instance.of('poison');
      return invocations.length > 0 && invocations;
    });
    expect(poison!.logs).toMatchObject([{ level: 'error', message: expect.stringContaining(reason) }]);
    expect(instance.invocations.filter(({ error }) => error !== undefined)).toEqual([]);
    expect((await app.library.status()).failing).toBe(0);
  });

  test('D8: a request that fails without a registry is retried, becomes poison, and is planned again', async () => {
    // The test disables the poison function: without a registry the host would drop its messages too.
    const without = await app.start({ 'AzureWebJobs.poison.Disabled': 'true' });
    await azurite.send('multi-outbox-dispatch', { tenantId: 'acme' });
    const poison = () => azurite.count('multi-outbox-dispatch-poison');
    await until('it is given up', async () => (await poison()) === 1);
    await until('all tries are told of', () => without.of('dispatch').length === 5);
    expect(without.of('dispatch').every(({ error }) => error !== undefined)).toBe(true);
    // Creates the registry.
    await app.tenants('acme');
    const instance = await app.start();
    await until('it is recorded', async () => (await app.library.status()).failing === 1);
    expect((await app.library.tenants.get('acme')).schedule.lastError).toMatch(
      /^The host gave up this request /,
    );
    await app.library.outbox('acme').enqueue(app.mails(['one']));
    await instance.tick();
    await until('its mail is written', () => app.dispatched('acme').length === 1);
  });
});
