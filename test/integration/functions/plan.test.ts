import { Azurite } from '../../support/azurite.ts';
import { FunctionsApp, type Instance } from '../../support/functions-app.ts';
import { until } from '../../support/until.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await Azurite.start();
});
afterAll(() => azurite?.stop());
const app = new FunctionsApp(() => azurite);

const requested = (instance: Instance, name: string) =>
  instance
    .of(name)
    .flatMap(({ outputs }) => outputs)
    .map(({ text }): string => JSON.parse(text).tenantId);

describe('plans without the timer (F3)', () => {
  test.each<[string, (instance: Instance) => Promise<unknown>]>([
    ['dispatch', () => azurite.send('multi-outbox-dispatch', { tenantId: 'acme' })],
    ['wake', (instance) => instance.fetch('wake/acme', { method: 'POST' })],
    ['wake-queue', () => azurite.send('multi-outbox-wake', 'acme')],
    ['health-ready', (instance) => instance.fetch('health/ready')],
    ['health-fleet', (instance) => instance.fetch('health/fleet')],
  ])('F3: the function %s makes a plan that is late', async (name, call) => {
    await app.tenants('acme');
    const instance = await app.start({ MULTI_OUTBOX_PLAN_INTERVAL: '50ms' });
    let added = 0;
    await until('a call makes the plan', async () => {
      const calls = instance.of(name).length;
      // Only a plan chooses a new tenant. The function dispatch, which serves acme meanwhile, may be the first to find it late.
      await app.library.tenants.add({ id: `new-${++added}` });
      await call(instance);
      await until('it has ended', () => instance.of(name).length > calls);
      return requested(instance, name).some((id) => id.startsWith('new-'));
    });
    expect(JSON.stringify(instance.of(name))).toContain('The last plan is late, so this function makes one');
  });

  test('F3: an operator makes a plan over HTTP', async () => {
    await app.tenants('acme');
    const instance = await app.start();
    await app.library.outbox('acme').enqueue(app.mails(['one']));
    const plan = () => instance.fetch('plan', { method: 'POST' });
    const answer = await plan();
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { status: 'planned', due: 1, requests: 1, more: false },
    ]);
    await until('its mail is written', () => app.dispatched('acme').length === 1);
  });
});
