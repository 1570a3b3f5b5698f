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

/** Throws in a timer soon after a handler has started, outside every run. */
const strayErrors = `--import=data:text/javascript,${encodeURIComponent(
  `import { subscribe } from 'node:diagnostics_channel';
  subscribe('multi-outbox:point', ({ point }) => {
    if (point === 'handler:start') setTimeout(() => { throw new Error('quotes a payload'); });
  });`,
)}`;

describe('instances that end', () => {
  test('Q6, L2, F3: a killed worker’s messages are recovered by the next one as soon as its leases have run out, and none is lost', async () => {
    await app.tenants('acme', 'birch');
    const answers: (() => void)[] = [];
    await using receiver = await startReceiver((_request, response) => {
      answers.push(() => response.writeHead(204).end());
    });
    const messages = Array.from({ length: 30 }, (_, index) => ({
      topic: 'webhook.post',
      payload: { url: `${receiver.origin}/${index}`, body: {} },
    }));
    for (const id of ['acme', 'birch']) await app.library.outbox(id).enqueue(messages);
    const settings = {
      MULTI_OUTBOX_WEBHOOK_ALLOW_PRIVATE: 'true',
      // The lease is short, but longer than a busy machine pauses.
      MULTI_OUTBOX_LEASE: '3s',
      // The killed worker's runs have begun, so the next plans need not wait for this.
      MULTI_OUTBOX_REDISPATCH: '1h',
    };
    const killed = await app.start(settings, { hiddenSeconds: 3 });
    await killed.tick();
    await until('both runs are in the midst of it', () => answers.length === 32);
    await until('both runs have postponed their tenants’ next plans', async () => {
      const tenants = await app.library.tenants.list();
      return tenants.every(({ schedule }) => schedule.nextDueUtc!.getTime() < Date.now() + 60_000);
    });
    // Some messages are delivered and not settled yet; the others are not answered.
    for (const answer of answers.splice(0, 10)) answer();
    await killed.kill();

    const next = await app.start(settings, { hiddenSeconds: 3 });
    const answering = setInterval(() => {
      for (const answer of answers.splice(0)) answer();
    }, 10);
    try {
      // Counts in the tenants' databases, because the killed worker never reported the messages that it settled last.
      await until(
        'all is dispatched',
        async () => {
          await next.tick();
          const all = await Promise.all(['acme', 'birch'].map((id) => app.library.outbox(id).statistics()));
          return all.every(({ done }) => done === 30);
        },
        25_000,
      );
    } finally {
      clearInterval(answering);
    }
    await until('the recovery is reported', async () => (await app.library.status()).totals.recovered > 0);
    for (const id of ['acme', 'birch']) {
      expect(await app.library.outbox(id).statistics()).toMatchObject({
        ready: 0,
        claimed: 0,
        dead: 0,
        done: 30,
      });
    }
    // Every message reached its receiver. Only those in flight at the kill came twice: the running ones, and those that were
    // answered and not settled yet, whose places others had taken.
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(60);
    expect(ids.length).toBeLessThanOrEqual(60 + 32 + 10);
  });

  test('F7: a message that arrives while a stopped instance’s queues go on is worked', async () => {
    await app.tenants('acme');
    const instance = await app.start({ MULTI_OUTBOX_IDLE_CEILING: 'never' });
    const stopping = instance.terminate({ goOnMs: 10_000 });
    await azurite.send('multi-outbox-wake', 'acme');
    await stopping;
    expect(instance.of('wake-queue').map(({ error }) => error)).toEqual([undefined]);
    expect(await azurite.count('multi-outbox-wake')).toBe(0);
  });

  test('D5: on notice of termination the run stops, releases unfinished messages, and reports within five seconds', async () => {
    await app.tenants('acme');
    await using receiver = await startReceiver(() => {});
    const webhook = { topic: 'webhook.post', payload: { url: receiver.origin, body: {} } };
    await app.library.outbox('acme').enqueue(Array.from({ length: 40 }, () => webhook));
    const instance = await app.start({ MULTI_OUTBOX_WEBHOOK_ALLOW_PRIVATE: 'true' });
    await instance.tick();
    await until('handlers are at work', () => receiver.received.length === 16);
    const { ms } = await instance.terminate();
    expect(ms).toBeLessThan(5_000);
    expect(instance.runs()).toMatchObject([{ outcome: 'dispatched', released: 40, more: true }]);
    expect(await app.library.outbox('acme').statistics()).toMatchObject({ ready: 40, claimed: 0, dead: 0 });
    // The run sent no request of its own: the next plan requests the tenant.
    expect(instance.of('dispatch')[0]!.outputs).toEqual([]);
    expect((await app.library.status()).due).toBe(1);
    expect(await app.library.leases('acme').list()).toMatchObject([{ name: 'queue:outbox', held: false }]);
    expect(await azurite.count('multi-outbox-dispatch')).toBe(0);
  });

  test('D8: an error that a handler throws in a timer does not end the runs', async () => {
    await app.tenants('acme', 'birch');
    for (const id of ['acme', 'birch']) await app.library.outbox(id).enqueue(app.mails(['one', 'two']));
    const instance = await app.start({ NODE_OPTIONS: strayErrors });
    await instance.tick();
    await until(
      'all mails are written',
      () => [...app.dispatched('acme'), ...app.dispatched('birch')].length === 4,
    );
    await until('both runs have ended', () => instance.of('dispatch').length === 2);
    expect(instance.exit).toBeUndefined();
    const told = instance.output + JSON.stringify(instance.invocations);
    expect(told).toContain('An error was thrown outside every run');
    expect(told).not.toContain('quotes a payload');
  });
});
