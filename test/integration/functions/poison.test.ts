import { DatabaseSync } from 'node:sqlite';
import { requestPages } from '../../../src/index.ts';
import { Azurite } from '../../support/azurite.ts';
import { FunctionsApp } from '../../support/functions-app.ts';
import { until } from '../../support/until.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await Azurite.start();
});
afterAll(() => azurite?.stop());
const app = new FunctionsApp(() => azurite);

const emptied = (queueName: string) =>
  until(`${queueName} is empty`, async () => (await azurite.count(queueName)) === 0);

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
      worst: [{ tenantId: 'acme', lastError: { code: 'POISONED' } }],
    });
    await emptied('multi-outbox-dispatch-poison');

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
    const fleet = { failing: 0, poisoned: { total: 1, lastUtc: expect.anything() } };
    expect(await app.library.status()).toMatchObject(fleet);
    expect(await (await instance.fetch('health/fleet')).json()).toMatchObject({ fleet });
    // It is counted by its id in the poison queue, so that it counts once if the host delivers it again.
    const registry = new DatabaseSync(app.place.file('registry.db'), { timeout: 5_000 });
    const state = registry.prepare('SELECT LastPoisoned FROM RegistryState').get();
    registry.close();
    expect(state).toMatchObject({
      LastPoisoned: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[-0-9a-f]{21}$/),
    });
    await emptied('multi-outbox-dispatch-poison');
  });

  test('D8: a request that fails without a registry is tried again from the poison queue, and its tenant is due', async () => {
    const instance = await app.start();
    await azurite.send('multi-outbox-dispatch', { tenantId: 'acme' });
    await until('it is given up', () => instance.begun.includes('poison'));
    expect(instance.of('dispatch').filter(({ error }) => error === undefined)).toEqual([]);
    // Creates the registry.
    await app.tenants('acme');
    await until('it is recorded', async () => (await app.library.status()).failing === 1);
    expect((await app.library.tenants.get('acme')).schedule.lastError).toMatch(
      /^The host gave up this request /,
    );
    await app.library.outbox('acme').enqueue(app.mails(['one']));
    await instance.tick();
    await until('its mail is written', () => app.dispatched('acme').length === 1);
    await emptied('multi-outbox-dispatch-poison');
  });

  test('F7: a wake that fails without a registry is tried again from its poison queue', async () => {
    const instance = await app.start({ MULTI_OUTBOX_IDLE_CEILING: 'never' });
    await azurite.send('multi-outbox-wake', 'acme');
    await until('it is given up', () => instance.begun.includes('wake-poison'));
    await app.tenants('acme');
    await until('it is tried again', () => instance.of('wake-poison').length === 1);
    const { error, outputs } = instance.of('wake-poison')[0]!;
    expect(error).toBeUndefined();
    expect(outputs.map(({ text }) => JSON.parse(text))).toMatchObject([{ tenantId: 'acme', reason: 'wake' }]);
    await emptied('multi-outbox-wake-poison');
  });

  test('F7: a wake that would expire on its poison queue within a day is sent there again, for seven days', async () => {
    const instance = await app.start();
    await azurite.send('multi-outbox-wake-poison', 'acme', { secondsToLive: 23 * 3_600 });
    await until('it is tried', () => instance.begun.includes('wake-poison'));
    // Its pauses end with the instance. There is no registry, so it cannot succeed.
    await instance.terminate();
    expect(instance.of('wake-poison')).toMatchObject([
      { outputs: [{ queueName: 'multi-outbox-wake-poison' }] },
    ]);
    const [expires, ...others] = await azurite.expirations('multi-outbox-wake-poison');
    expect(others).toEqual([]);
    expect(expires!.getTime()).toBeGreaterThan(Date.now() + 6 * 24 * 3_600_000);
  });

  test('F3: the requests of a page on its poison queue are sent again', async () => {
    await app.tenants('acme');
    const instance = await app.start();
    const request = {
      version: 1,
      tenantId: 'acme',
      reason: 'due',
      plannedUtc: new Date().toISOString(),
    } as const;
    await azurite.send('multi-outbox-pages-poison', requestPages([request], 10)[0]);
    await until('its tenant is dispatched', () => instance.of('dispatch').length === 1);
    await emptied('multi-outbox-pages-poison');
  });
});
