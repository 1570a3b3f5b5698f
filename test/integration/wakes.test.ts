/** F6, F7: a stored message is dispatched although its wake failed, was lost, or was never sent. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { defineHandler } from '../../src/index.ts';
import { deferred } from '../support/deferred.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();
/** No look but those that the test is about. */
const asleep = { idleCeilingMs: 'never', lookWithinMs: '365d' } as const;

/** A fleet whose only tenant sleeps, and a connection that can lock its registry. */
async function sleepingFleet() {
  const logger = recordingLogger();
  const face = await place.fleet(['acme'], {
    logger,
    handlers: noting().handlers,
    schedule: asleep,
    sqlite: { busyTimeoutMs: 20 },
  });
  await face.tick();
  logger.lines.length = 0;
  return { face, logger, outbox: face.outbox('acme'), blocker: place.connection('registry.db') };
}

/** The reasons for which another host would dispatch now. */
async function dispatchable(): Promise<string[]> {
  const { requests } = await place.face().plan();
  return requests.map(({ reason }) => reason);
}

test('F7: a wake that the registry did not take is repeated until it does', async () => {
  const { outbox, logger, blocker } = await sleepingFleet();
  blocker.exec('BEGIN IMMEDIATE');
  expect(await outbox.enqueue({ topic: 'orders', payload: 1 })).toMatchObject({ status: 'enqueued' });
  expect(logger.lines).toMatchObject([
    { level: 'warn', fields: { tenantId: 'acme', error: { code: 'DATABASE_LOCKED' } } },
  ]);
  blocker.exec('ROLLBACK');
  await until('the tenant is woken', async () => (await dispatchable()).includes('wake'));
});

test('F7: while a tenant waits for the plan after its wake, further messages cost no write in the registry', async () => {
  const { outbox, logger, blocker } = await sleepingFleet();
  await outbox.enqueue({ topic: 'orders', payload: 1 });
  blocker.exec('BEGIN IMMEDIATE');
  await outbox.enqueue({ topic: 'orders', payload: 2 });
  blocker.exec('ROLLBACK');
  expect(logger.lines).toEqual([]);
  expect(await dispatchable()).toEqual(['wake']);
});

test('F7: close repeats a failed wake once', async () => {
  const { face, outbox, blocker } = await sleepingFleet();
  blocker.exec('BEGIN IMMEDIATE');
  await outbox.enqueue({ topic: 'orders', payload: 1 });
  blocker.exec('ROLLBACK');
  expect(await face.close()).toEqual({ unwoken: [] });
  expect(await dispatchable()).toEqual(['wake']);
});

test('F7: close says which tenants it could not wake, at every call', async () => {
  const { face, outbox, logger, blocker } = await sleepingFleet();
  blocker.exec('BEGIN IMMEDIATE');
  await outbox.enqueue({ topic: 'orders', payload: 1 });
  expect(await face.close()).toEqual({ unwoken: ['acme'] });
  expect(await face.close()).toEqual({ unwoken: ['acme'] });
  blocker.exec('ROLLBACK');
  expect(logger.lines.at(-1)).toMatchObject({ level: 'warn', fields: { tenants: 1, tenantIds: ['acme'] } });
  expect(await dispatchable()).toEqual([]);
});

test('F7: a producer that closes right after its commit has woken the tenant', async () => {
  const { face, outbox } = await sleepingFleet();
  const transaction = place.connection('tenants/acme.db');
  transaction.exec('BEGIN IMMEDIATE');
  await outbox.enqueue({ topic: 'orders', payload: 1 }, { transaction, wake: true });
  transaction.exec('COMMIT');
  expect(await face.close()).toEqual({ unwoken: [] });
  expect(await dispatchable()).toEqual(['wake']);
});

test('F7: an open transaction of a producer does not keep close from ending', async () => {
  const { face, outbox } = await sleepingFleet();
  const transaction = place.connection('tenants/acme.db');
  transaction.exec('BEGIN IMMEDIATE');
  await outbox.enqueue({ topic: 'orders', payload: 1 }, { transaction, wake: true });
  expect(await face.close()).toEqual({ unwoken: [] });
  transaction.exec('ROLLBACK');
});

test("F6: with a ceiling of 'never' a message without a wake is dispatched within the operator's bound", async () => {
  const { seen, handlers } = noting();
  const face = await place.fleet(['acme'], {
    handlers,
    plan: { intervalMs: 10 },
    schedule: { idleCeilingMs: 'never', lookWithinMs: 200 },
  });
  const stop = new AbortController();
  const running = face.run({ signal: stop.signal });
  const schedule = async () => (await face.tenants.get('acme')).schedule;
  await until('it has been looked at', async () => (await schedule()).lastOutcome === 'idle');
  await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x' }, { wake: false });
  await until('it is dispatched', () => seen.includes('acme:x'));
  const { nextDueUtc } = await until('it has been reported', async () => {
    const { lastRunUtc, nextDueUtc } = await schedule();
    return lastRunUtc !== null && nextDueUtc !== null && { nextDueUtc };
  });
  expect(nextDueUtc).not.toBeNull();
  stop.abort();
  await running;
});

test('F6: a lowered bound holds for every tenant from the next plan on', async () => {
  const { outbox } = await sleepingFleet();
  await outbox.enqueue({ topic: 'orders', payload: 'x' }, { wake: false });
  expect(await dispatchable()).toEqual([]);
  const lowered = place.face({ schedule: { lookWithinMs: 50 } });
  await until('the tenant is due', async () => (await lowered.plan()).requests.length === 1);
});

test('F6: a request that is lost is made again within the bound, whatever the redispatch time', async () => {
  const face = await place.fleet(['acme'], {
    handlers: noting().handlers,
    plan: { redispatchMs: '1d' },
    schedule: { lookWithinMs: 50 },
  });
  expect((await face.plan()).requests).toHaveLength(1);
  await until('it is requested again', async () => (await face.plan()).requests.length === 1);
});

/** A host that plans when it starts, and then not before the test has ended. */
async function hosted(parallelRuns = 2, { seen, handlers }: ReturnType<typeof noting> = noting()) {
  const face = await place.fleet(['acme', 'birch', 'cedar'], {
    handlers,
    schedule: asleep,
    plan: { intervalMs: '1h' },
    dispatch: { parallelRuns },
  });
  const stop = new AbortController();
  const running = face.run({ signal: stop.signal });
  for (const id of ['acme', 'birch', 'cedar']) {
    await until(`${id} is looked at`, async () => {
      const { lastOutcome } = (await face.tenants.get(id)).schedule;
      return lastOutcome === 'idle';
    });
  }
  return {
    face,
    seen,
    async stop() {
      stop.abort();
      await running;
    },
  };
}

describe('a host that shares only the files with the producer', () => {
  test('F7: dispatches its messages without waiting for the interval of plans', async () => {
    const { seen, stop } = await hosted();
    const producer = place.face();
    for (let payload = 1; payload <= 3; payload++) {
      await producer.outbox('acme').enqueue({ topic: 'orders', payload });
      await until('it is dispatched', () => seen.includes(`acme:${payload}`));
    }
    await stop();
  });

  test('F7, D8: serves what a host without a free slot cannot', async () => {
    const end = deferred();
    const busy = await hosted(1, {
      seen: [],
      handlers: [defineHandler({ topic: 'orders', handle: () => end.promise })],
    });
    await busy.face.outbox('acme').enqueue({ topic: 'orders', payload: 'long' });
    const { seen, handlers } = noting();
    const other = place.face({ handlers, plan: { intervalMs: '1h' } });
    const stop = new AbortController();
    const running = other.run({ signal: stop.signal });
    await busy.face.outbox('birch').enqueue({ topic: 'orders', payload: 1 });
    await until('it is dispatched', () => seen.includes('birch:1'));
    end.resolve();
    stop.abort();
    await running;
    await busy.stop();
  });
});

describe('a host in the process of the producer', () => {
  test('F7: an enqueued message is dispatched without a plan', async () => {
    const { face, seen, stop } = await hosted();
    await face.outbox('acme').enqueue({ topic: 'orders', payload: 1 });
    await until('it is dispatched', () => seen.includes('acme:1'));
    await stop();
  });

  test('F7: so are messages that come while the tenant is served, by any process', async () => {
    const { face, seen, stop } = await hosted();
    const other = place.face();
    for (let payload = 1; payload <= 20; payload++) {
      const producer = payload % 2 === 0 ? face : other;
      // The first message makes this process serve the tenant.
      if (payload === 1) await face.wake('acme');
      await producer.outbox('acme').enqueue({ topic: 'orders', payload });
      // The other process only makes the tenant due, unless the tenant is in flight.
      if (producer === other) await face.wake('acme');
    }
    await until('all are dispatched', () => seen.length === 20);
    await stop();
  });

  test('D8: a handler gets nothing of the asynchronous context of the call that woke its tenant', async () => {
    const caller = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const handle = () => void seen.push(caller.getStore() ?? 'none');
    const { face, stop } = await hosted(2, { seen, handlers: [defineHandler({ topic: 'orders', handle })] });
    const enqueue = (id: string) => face.outbox(id).enqueue({ topic: 'orders', payload: 1 });
    await Promise.all(['acme', 'birch'].map((id) => caller.run(id, () => enqueue(id))));
    await until('both are dispatched', () => seen.length === 2);
    expect(seen).toEqual(['none', 'none']);
    await stop();
  });

  test('F7: a message that a caller commits is dispatched without a plan', async () => {
    const { face, seen, stop } = await hosted();
    const transaction = place.connection('tenants/acme.db');
    transaction.exec('BEGIN IMMEDIATE');
    await face.outbox('acme').enqueue({ topic: 'orders', payload: 1 }, { transaction, wake: true });
    transaction.exec('COMMIT');
    await until('it is dispatched', () => seen.includes('acme:1'));
    await stop();
  });

  test('F7, D8: more woken tenants than free slots are all dispatched, as slots become free', async () => {
    const { face, seen, stop } = await hosted(1);
    await Promise.all(
      ['acme', 'birch', 'cedar'].map((id) => face.outbox(id).enqueue({ topic: 'orders', payload: 1 })),
    );
    await until('all are dispatched', () => seen.length === 3);
    expect(seen.toSorted()).toEqual(['acme:1', 'birch:1', 'cedar:1']);
    await stop();
  });
});
