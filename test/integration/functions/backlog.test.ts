import { Azurite } from '../../support/azurite.ts';
import { FunctionsApp } from '../../support/functions-app.ts';
import { until } from '../../support/until.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await Azurite.start();
});
afterAll(() => azurite?.stop());
const app = new FunctionsApp(() => azurite);

const backlog = 20_000;

test('D5, D8: a backlog of 20,000 messages carries on over several invocations, and others are served in between', async () => {
  const others = ['birch', 'cedar', 'delta', 'elder'];
  await app.tenants('acme', ...others);
  const outbox = app.library.outbox('acme');
  for (let count = 0; count < backlog; count += 2_000) {
    await outbox.enqueue(app.mails(Array.from({ length: 2_000 }, (_, index) => `${count + index}`)));
  }
  const instance = await app.start({ MULTI_OUTBOX_TIME_BUDGET: '1500ms', MULTI_OUTBOX_BATCH_SIZE: '500' });
  await instance.tick();
  await until('the first run of the backlog has ended', () =>
    instance.runs().some(({ tenantId, more }) => tenantId === 'acme' && more),
  );

  for (const id of others) await app.library.outbox(id).enqueue(app.mails(['one', 'two']));
  const { outputs } = await instance.tick();
  // The backlog carries on by itself: no plan asks for it.
  expect(outputs.map(({ text }) => JSON.parse(text).tenantId).sort()).toEqual(others);
  await until('the others are served', () => others.every((id) => app.dispatched(id).length === 2));
  expect(app.dispatched('acme').length).toBeLessThan(backlog);

  await until(
    'the backlog is dispatched',
    async () => (await app.library.status()).totals.done === backlog + 8,
    120_000,
  );
  expect(app.dispatched('acme').length).toBe(backlog);
  const runs = instance.runs().filter(({ tenantId }) => tenantId === 'acme');
  expect(runs.length).toBeGreaterThan(2);
  expect(runs.reduce((sum, { done }) => sum + (done as number), 0)).toBe(backlog);
  // One after another, each asked for by the one before it.
  const continuations = instance
    .of('dispatch')
    .flatMap((invocation) => invocation.outputs.map(({ text }) => JSON.parse(text)));
  expect(continuations).toHaveLength(runs.length - 1);
  expect(continuations[0]).toMatchObject({ tenantId: 'acme', reason: 'backlog' });
  expect(runs.filter(({ outcome }) => outcome !== 'dispatched')).toEqual([]);
}, 180_000);
