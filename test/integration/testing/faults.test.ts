/** `failNextRun`: the failures that a test asks for by name. */
import { defineHandler } from '../../../src/index.ts';
import { createTestOutbox, type FaultName, type TestOutbox } from '../../../src/testing/index.ts';

const outboxes: TestOutbox[] = [];
afterEach(async () => {
  for (const outbox of outboxes.splice(0)) await outbox.close();
});

/** Five messages for a handler that takes one at a time, and what it has seen. */
async function scene(handle: (payload: string) => unknown = () => {}, settings = {}) {
  const seen: string[] = [];
  const handler = defineHandler({
    topic: 'orders',
    concurrency: 1,
    async handle({ payload }) {
      seen.push(payload);
      await handle(payload);
    },
  });
  const outbox = await createTestOutbox({ ...settings, handlers: [handler], tenants: ['acme', 'birch'] });
  outboxes.push(outbox);
  for (const payload of ['1', '2', '3', '4', '5'])
    await outbox.outbox('acme').enqueue({ topic: 'orders', payload });
  const statuses = () => outbox.enqueued().map(({ status }) => status);
  return { outbox, seen, statuses };
}

/** The run repeats a failed call until its lease runs out. */
const shortLease = { dispatch: { leaseMs: 500 } };

const allDone = ['done', 'done', 'done', 'done', 'done'];

test('L4, Q8: the lease is lost after the third message: it counts as lost, and is handled again', async () => {
  const { outbox, seen, statuses } = await scene();
  outbox.failNextRun('lease lost', { after: 3 });
  const { runs, counts } = await outbox.drain();
  expect(runs[0]!.counts.lost).toBeGreaterThan(0);
  expect(counts.lost).toBe(runs[0]!.counts.lost);
  // Every message was handled, and at least the third one twice.
  expect(new Set(seen)).toEqual(new Set(['1', '2', '3', '4', '5']));
  expect(seen.filter((payload) => payload === '3')).toHaveLength(2);
  expect(statuses()).toEqual(allDone);
});

test('L4: a lease that is lost when the run begins', async () => {
  const { outbox, statuses } = await scene();
  const before = (await outbox.leases('acme').list()).find(({ name }) => name === 'queue:outbox');
  outbox.failNextRun('lease lost');
  await outbox.drain('acme');
  const after = (await outbox.leases('acme').list()).find(({ name }) => name === 'queue:outbox')!;
  expect(after.fence).toBeGreaterThanOrEqual((before?.fence ?? 0) + 3);
  expect(statuses()).toEqual(allDone);
});

test('Q6: the database is unreachable after the third message: the next run recovers what was in flight', async () => {
  const { outbox, seen, statuses } = await scene(undefined, shortLease);
  outbox.failNextRun('database unreachable', { after: 3 });
  const { runs } = await outbox.drain();
  expect(runs[0]).toMatchObject({
    tenantId: 'acme',
    outcome: 'failed',
    error: { code: 'DATABASE_UNREACHABLE' },
  });
  expect(statuses()).toContain('claimed');
  // The lease has not run out: nobody else may work on the messages.
  expect((await outbox.drain()).counts).toMatchObject({ done: 0, recovered: 0 });
  outbox.clock.advance('1h');
  const { counts } = await outbox.drain();
  expect(counts.recovered).toBeGreaterThan(0);
  expect(statuses()).toEqual(allDone);
  expect(seen.filter((payload) => payload === '3')).toHaveLength(2);
});

test('F5: a database that is unreachable from the start starts no handler', async () => {
  const { outbox, seen, statuses } = await scene();
  outbox.failNextRun('database unreachable');
  const report = await outbox.dispatch({ tenantId: 'acme' });
  expect(report).toMatchObject({ outcome: 'failed', error: { code: 'DATABASE_UNREACHABLE' } });
  expect(seen).toEqual([]);
  await outbox.drain();
  expect(statuses()).toEqual(allDone);
});

test('D5: a shutdown after the third message: unstarted messages are released, without an attempt', async () => {
  const { outbox, seen, statuses } = await scene();
  outbox.failNextRun('shutdown', { after: 3 });
  const report = await outbox.dispatch({ tenantId: 'acme' });
  expect(seen).toEqual(['1', '2', '3']);
  expect(report.counts).toMatchObject({ done: 3, lost: 0 });
  expect(outbox.enqueued({ status: 'ready' }).map(({ attempts }) => attempts)).toEqual([0, 0]);
  await outbox.drain();
  expect(seen).toEqual(['1', '2', '3', '4', '5']);
  expect(statuses()).toEqual(allDone);
});

test('T1: a handler whose writes are in its own transaction has an effect once, whatever is lost', async () => {
  const handler = defineHandler({
    topic: 'orders',
    handle: ({ payload }, { transaction }) =>
      transaction(async ({ driver }) => {
        (driver as { prepare(sql: string): { run(value: string): unknown } })
          .prepare('INSERT INTO Effects VALUES (?)')
          .run(payload);
      }),
  });
  for (const name of ['lease lost', 'database unreachable', 'shutdown'] satisfies FaultName[]) {
    const outbox = await createTestOutbox({ ...shortLease, handlers: [handler] });
    outboxes.push(outbox);
    const database = outbox.database();
    database.exec('CREATE TABLE Effects (Payload TEXT)');
    for (const payload of ['1', '2', '3', '4', '5'])
      await outbox.outbox('test').enqueue({ topic: 'orders', payload });
    outbox.failNextRun(name, { after: 2 });
    await outbox.drain();
    outbox.clock.advance('1h');
    await outbox.drain();
    expect(database.prepare('SELECT Payload FROM Effects ORDER BY 1').all()).toEqual(
      ['1', '2', '3', '4', '5'].map((Payload) => ({ Payload })),
    );
  }
});

test('a failure concerns one run of one tenant', async () => {
  const { outbox } = await scene();
  await outbox.outbox('birch').enqueue({ topic: 'orders', payload: 'b' });
  outbox.failNextRun('database unreachable', { tenantId: 'birch' });
  expect((await outbox.dispatch({ tenantId: 'acme' })).outcome).toBe('dispatched');
  expect((await outbox.dispatch({ tenantId: 'birch' })).outcome).toBe('failed');
  expect((await outbox.dispatch({ tenantId: 'birch' })).outcome).toBe('dispatched');
});

test('an unknown name, a bad number and an unknown tenant are refused', async () => {
  const { outbox } = await scene();
  expect(() => outbox.failNextRun('lease stolen' as FaultName)).toThrow(
    `failNextRun: "lease stolen" is not a failure; known are 'lease lost', 'database unreachable', 'shutdown'.`,
  );
  for (const after of [-1, 1.5, '3'])
    expect(() => outbox.failNextRun('shutdown', { after: after as number })).toThrow(/'after' is/);
  expect(() => outbox.failNextRun('shutdown', { tenantId: 'cedar' })).toThrow(/no tenant 'cedar'/);
});
