import { DatabaseSync } from 'node:sqlite';
import { Azurite } from '../../support/azurite.ts';
import { FunctionsApp } from '../../support/functions-app.ts';
import { until } from '../../support/until.ts';
import { startReceiver } from '../handlers/receiver.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await Azurite.start();
});
afterAll(() => azurite?.stop());
const app = new FunctionsApp(() => azurite);
const five = ['acme', 'birch', 'cedar', 'delta', 'elder'];

describe('timer to messages, through real queues', () => {
  test('the messages of five tenants are dispatched, each once', async () => {
    await app.tenants(...five);
    for (const id of five) await app.library.outbox(id).enqueue(app.mails(['one', 'two', `of ${id}`]));
    const instance = await app.start();
    const plan = await instance.tick();
    expect(plan.outputs.map(({ queueName }) => queueName)).toEqual(five.map(() => 'multi-outbox-dispatch'));
    await until('all mails are written', () => five.every((id) => app.dispatched(id).length === 3));
    await until('all runs have ended', () => instance.of('dispatch').length === 5);
    expect(instance.invocations.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(instance.runs().map(({ outcome, done }) => [outcome, done])).toEqual(
      five.map(() => ['dispatched', 3]),
    );
    await until('the queue is empty', async () => (await azurite.count('multi-outbox-dispatch')) === 0);
    expect(await app.library.status()).toMatchObject({
      failing: 0,
      totals: { done: 15, retried: 0, lost: 0 },
    });
  });

  test('D7: log lines of a run belong to its invocation, and name the tenant', async () => {
    await app.tenants('acme');
    await app.library.outbox('acme').enqueue(app.mails(['one']));
    const instance = await app.start();
    await instance.tick();
    const [run] = await until(
      'the run has ended',
      () => instance.of('dispatch').length > 0 && instance.runs(),
    );
    expect(run).toMatchObject({ tenantId: 'acme', outcome: 'dispatched', runId: expect.any(String) });
  });

  test('D1: a second tick in the middle of a run is skipped by the lease', async () => {
    await app.tenants('acme');
    let answer = () => {};
    await using receiver = await startReceiver((_request, response) => {
      answer = () => response.writeHead(204).end();
    });
    const instance = await app.start({ MULTI_OUTBOX_WEBHOOK_ALLOW_PRIVATE: 'true' });
    const webhook = { topic: 'webhook.post', payload: { url: `${receiver.origin}/slow`, body: {} } };
    await app.library.outbox('acme').enqueue(webhook);
    await instance.tick();
    await until('the handler is at work', () => receiver.received.length === 1);

    // A tenant that is in flight is not planned, so the second request comes from a queue that delivers twice.
    await app.library.wake('acme');
    expect((await instance.tick()).outputs).toEqual([]);
    await azurite.send('multi-outbox-dispatch', { tenantId: 'acme' });
    await until('the second run has ended', () => instance.of('dispatch').length === 1);
    expect(instance.begun.filter((name) => name === 'dispatch')).toHaveLength(2);
    expect(instance.runs()).toMatchObject([{ outcome: 'skipped', done: 0, roundTrips: 1 }]);

    answer();
    // The wake came after the first run had claimed its messages, so a run follows it.
    await until('the runs have ended', () => instance.of('dispatch').length === 3);
    expect(instance.runs()[1]).toMatchObject({ outcome: 'dispatched', done: 1 });
    expect(instance.of('dispatch')[1]!.outputs.map(({ text }) => JSON.parse(text))).toMatchObject([
      { tenantId: 'acme', reason: 'wake' },
    ]);
    expect(instance.runs()[2]).toMatchObject({ outcome: 'idle' });
    expect(receiver.received).toHaveLength(1);
  });

  test('F3: above the page size the plan sends pages, and a queue function the requests', async () => {
    const ids = ['acme', 'birch', 'cedar'];
    await app.tenants(...ids);
    for (const id of ids) await app.library.outbox(id).enqueue(app.mails(['one']));
    // One tenant more than a page takes; these tenants' databases are not made, so their runs fail at once.
    for (let index = 0; index < 198; index++)
      await app.library.tenants.add({ id: `without-database-${index}` });
    const instance = await app.start();
    const plan = await instance.tick();
    expect(plan.outputs.map(({ queueName }) => queueName)).toEqual(Array(2).fill('multi-outbox-pages'));
    await until('all mails are written', () => ids.every((id) => app.dispatched(id).length === 1));
    await until('all pages are told of', () => instance.of('pages').length === 2);
    const sizes = instance.of('pages').map(({ outputs }) => outputs.length);
    expect(sizes.sort((a, b) => a - b)).toEqual([1, 200]);
  });

  test('F3: one instance has the timer; another one takes it over when the first has ended', async () => {
    await app.tenants('acme');
    const [one, other] = [await app.start(), await app.start()];
    await one.tick();
    await expect(other.tick()).rejects.toThrow('Another instance has the timer');
    await one.kill();
    expect((await other.tick()).error).toBeUndefined();
  });

  test('F3: a late plan is reported', async () => {
    await app.tenants('acme');
    const instance = await app.start();
    expect((await instance.tick()).logs).toEqual([]);
    const registry = new DatabaseSync(app.place.file('registry.db'), { timeout: 5_000 });
    registry.exec('UPDATE RegistryState SET LastPlanUtc = LastPlanUtc - 86400000');
    registry.close();
    expect((await instance.tick()).logs).toEqual([
      { level: 'warning', message: expect.stringMatching(/^This plan is late: the last one was \d+ ms ago/) },
    ]);
  });

  test.each(['utf8', 'base64'] as const)(
    'F7: a wake through its queue (%s) dispatches the tenant without a plan',
    async (encoding) => {
      await app.tenants('acme');
      const instance = await app.start({ MULTI_OUTBOX_IDLE_CEILING: 'never' });
      await instance.tick();
      await until('the tenant was found idle', () => instance.of('dispatch').length === 1);
      expect((await instance.tick()).outputs).toEqual([]);
      await azurite.send('multi-outbox-wake', 'acme', { encoding });
      await until('it is dispatched', () => instance.of('dispatch').length === 2);
      const { outputs } = instance.of('wake-queue')[0]!;
      expect(outputs.map(({ text }) => JSON.parse(text))).toMatchObject([
        { tenantId: 'acme', reason: 'wake' },
      ]);
      expect((await instance.tick()).outputs).toEqual([]);
    },
  );

  test('F7: a tenant id on the dispatch queue is dispatched at once', async () => {
    await app.tenants('acme');
    const instance = await app.start();
    await app.library.outbox('acme').enqueue(app.mails(['one']));
    await azurite.send('multi-outbox-dispatch', { tenantId: 'acme' });
    await until('it is dispatched', () => app.dispatched('acme').length === 1);
    await until('the run has ended', () => instance.runs().length === 1);
  });
});
