/** The very millisecond at which something becomes due, expires or is old enough, on a clock that the test moves. */

import { MessageStatus } from '../../../src/engine/message.ts';
import { countDead } from '../../support/dead-letters.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, type Claimed, message, settle, type Then, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();
const keep: Then = { do: 'renew-lease' };
const request = { owner: 'run', durationMs: 1_000, claim: { limit: 100, maxBytes: 1_000 } };

/** A tenant's database, its outbox, and a function that moves its clock. */
async function tenantWithClock() {
  let now = 1_700_000_000_000;
  const database = await place.tenant('acme', place.engine({ clock: () => now }));
  const passes = (ms: number) => {
    now += ms;
  };
  return { database, queue: database.queue('outbox'), passes };
}

const all = (run: Claimed, kind: 'done' | 'dead') =>
  run.messages.map(({ sequence, messageId }) =>
    kind === 'done' ? { sequence, messageId, kind } : { sequence, messageId, kind, error: 'no' },
  );

test('Q4, Q11: a message is due from its very millisecond', async () => {
  const { queue, passes } = await tenantWithClock();
  await queue.enqueue([message('x', { dueInMs: 1_000 })]);
  passes(999);
  expect(await queue.statistics()).toMatchObject({ due: 0, oldestDueAgeMs: null, nextDueInMs: 1 });
  expect(await queue.begin(request)).toMatchObject({ status: 'idle', nextDueInMs: 1 });
  passes(1);
  expect(await queue.statistics()).toMatchObject({ due: 1, oldestDueAgeMs: 0, nextDueInMs: 0 });
  expect(await queue.begin(request)).toMatchObject({ status: 'claimed', messages: [{ payload: 'x' }] });
});

test('Q3: a message whose statement another driver runs is due at once, or after its delay', async () => {
  const { queue, passes } = await tenantWithClock();
  const letters = [message('now'), message('later', { dueInMs: 1_000 })];
  await withProgram(tenantFileOf(place), (db) => {
    for (const { sql, parameters } of letters.map((letter) => queue.enqueueStatement(letter)))
      db.prepare(sql).run(...parameters);
  });
  const enqueuedUtc = new Date(1_700_000_000_000);
  expect(await queue.get(letters[0]!.messageId)).toMatchObject({ enqueuedUtc, dueUtc: enqueuedUtc });
  expect(await queue.get(letters[1]!.messageId)).toMatchObject({
    enqueuedUtc,
    dueUtc: new Date(1_700_000_001_000),
  });
  passes(1_000);
  expect((await begin(queue)).messages.map(({ payload }) => payload)).toEqual(['now', 'later']);
});

test('Q10: a message behind a head is claimed with it from the millisecond at which it is due', async () => {
  const { queue, passes } = await tenantWithClock();
  const orderingKey = 'k';
  await queue.enqueue([message('1', { orderingKey }), message('2', { orderingKey, dueInMs: 1_000 })]);
  passes(999);
  const early = await begin(queue);
  expect(early.messages.map(({ payload }) => payload)).toEqual(['1']);
  await settle(queue, early, [{ ...early.messages[0]!, kind: 'release', delayMs: 0 }]);
  passes(1);
  expect((await begin(queue)).messages.map(({ payload }) => payload)).toEqual(['1', '2']);
});

test('Q4, Q10: with a limit of its topic, too', async () => {
  const { queue, passes } = await tenantWithClock();
  const orderingKey = 'k';
  await queue.enqueue([message('1', { orderingKey }), message('2', { orderingKey, dueInMs: 1_000 })]);
  passes(1_000);
  const rooms = [{ topic: 'orders', room: 2 }];
  expect(await queue.begin({ ...request, claim: { ...request.claim, rooms } })).toMatchObject({
    messages: [{ payload: '1' }, { payload: '2' }],
  });
});

test('S2, Q4: throttled messages are due, and the oldest due message says for how long', async () => {
  const { queue, passes } = await tenantWithClock();
  for (const payload of ['1', '2']) {
    await queue.enqueue([message(payload)]);
    passes(1_000);
  }
  const rooms = [{ topic: 'orders', room: 0 }];
  await queue.begin({ ...request, claim: { ...request.claim, rooms } });
  const throttled = { ready: 2, due: 2, parked: 0, blocked: 0, oldestDueAgeMs: 2_000, nextDueInMs: 0 };
  expect(await queue.statistics()).toMatchObject(throttled);
  await queue.enqueue([message('3'), message('4', { dueInMs: 1_000 })]);
  expect(await queue.statistics()).toMatchObject({ ...throttled, ready: 4, due: 3 });
});

test('Q5: the shortest delay of a release counts', async () => {
  const { queue } = await tenantWithClock();
  await queue.enqueue([message('x')]);
  const run = await begin(queue);
  const settled = await settle(queue, run, [{ ...run.messages[0]!, kind: 'release', delayMs: 1 }], keep);
  expect(settled).toMatchObject({ more: false, nextDueInMs: 1 });
});

test('L2, Q9: from the millisecond at which its own lease runs out, an idle begin takes none', async () => {
  const { database, queue, passes } = await tenantWithClock();
  const fence = async () => (await database.leases.list())[0]!.fence;
  await queue.enqueue([message('x')]);
  const run = await begin(queue);
  await settle(queue, run, all(run, 'done'), keep);
  passes(60_000);
  expect(await queue.begin(request)).toMatchObject({ status: 'idle' });
  expect(await fence()).toBe(1);
  await database.leases.renew(run.lease, 60_000);
  passes(59_999);
  expect(await queue.begin(request)).toMatchObject({ status: 'idle' });
  expect(await fence()).toBe(2);
});

test('Q12: a Done message that is exactly as old as the retention stays', async () => {
  const { database, queue, passes } = await tenantWithClock();
  await queue.enqueue([message('x')]);
  const run = await begin(queue);
  await settle(queue, run, all(run, 'done'));
  const retention = { doneMs: 1_000, limit: 10 };
  passes(1_000);
  expect(await queue.begin({ ...request, retention })).toMatchObject({ status: 'idle', purged: 0 });
  // The run had nothing to remove, and so took no lease.
  expect(await database.leases.list()).toMatchObject([{ fence: 1 }]);
  passes(1);
  expect(await queue.begin({ ...request, retention })).toMatchObject({ status: 'idle', purged: 1 });
});

test.each([10, 2])(
  'Q12: what a call settles as Done stays in that call, with a limit of %p',
  async (limit) => {
    const { queue } = await tenantWithClock();
    await queue.enqueue(['1', '2', '3'].map((payload) => message(payload)));
    const run = await begin(queue);
    const retention = { doneMs: 0, limit };
    expect(await settle(queue, run, all(run, 'done'), keep, { retention })).toMatchObject({ purged: 0 });
    expect(await queue.statistics()).toMatchObject({ done: 3 });
  },
);

test('Q12: an idle begin removes an old message though a newer one is within its retention', async () => {
  const { queue, passes } = await tenantWithClock();
  for (const payload of ['old', 'new']) {
    await queue.enqueue([message(payload)]);
    const run = await begin(queue);
    await settle(queue, run, all(run, 'done'));
    passes(1_000);
  }
  const retention = { doneMs: 1_500, limit: 10 };
  expect(await queue.begin({ ...request, retention })).toMatchObject({ status: 'idle', purged: 1 });
  expect(await queue.statistics()).toMatchObject({ done: 1 });
});

test.each([1, 2, 10])(
  'Q12: beside an older message, one that is exactly as old as the retention stays, with a limit of %p',
  async (limit) => {
    const { queue, passes } = await tenantWithClock();
    for (const payload of ['old', 'exact']) {
      await queue.enqueue([message(payload)]);
      const run = await begin(queue);
      await settle(queue, run, all(run, 'done'));
      passes(1_000);
    }
    const retention = { doneMs: 1_000, limit };
    expect(await queue.begin({ ...request, retention })).toMatchObject({ status: 'idle', purged: 1 });
    expect(await queue.statistics()).toMatchObject({ done: 1 });
  },
);

test('Q12: a limit of 0 removes nothing', async () => {
  const { queue, passes } = await tenantWithClock();
  await queue.enqueue([message('x')]);
  const run = await begin(queue);
  await settle(queue, run, all(run, 'done'));
  passes(1);
  const retention = { doneMs: 0, limit: 0 };
  expect(await queue.begin({ ...request, retention })).toMatchObject({ status: 'idle', purged: 0 });
  expect(await queue.statistics()).toMatchObject({ done: 1 });
});

test('Q13: a message is Dead for as long as the clock says, from the very millisecond', async () => {
  const { queue, passes } = await tenantWithClock();
  const letter = message('x');
  await queue.enqueue([letter]);
  const run = await begin(queue);
  await settle(queue, run, all(run, 'dead'));
  expect(await countDead(queue, {})).toBe(1);
  passes(999);
  expect(await countDead(queue, { olderThanMs: 1_000 })).toBe(0);
  passes(1);
  expect(await countDead(queue, { olderThanMs: 1_000 })).toBe(1);
  expect(await queue.get(letter.messageId)).toMatchObject({ status: MessageStatus.Dead });
});

test('S2: the statistics tell the age of the oldest due message, and count the parked ones wherever they wait', async () => {
  const { queue, passes } = await tenantWithClock();
  const topic = 'mails';
  await queue.enqueue([...'123'].map((payload) => message(payload, { topic })));
  await queue.enqueue(['k1', 'k2'].map((payload) => message(payload, { topic, orderingKey: 'k' })));
  const run = await begin(queue);
  const delays = [0, 5_000, 0, 5_000, 5_000];
  const outcomes = run.messages.map(
    (each, index) => ({ ...each, kind: 'release', delayMs: delays[index]!, parked: true }) as const,
  );
  await settle(queue, run, outcomes);
  passes(1_000);
  await queue.enqueue([message('x')]);
  passes(1_000);
  const counts = { ready: 6, due: 3, blocked: 1, parked: 5, oldestDueAgeMs: 2_000, nextDueInMs: 0 };
  expect(await queue.statistics()).toMatchObject(counts);
  const rooms = [{ topic, room: 0 }];
  const { messages } = (await queue.begin({ ...request, claim: { ...request.claim, rooms } })) as Claimed;
  expect(messages).toMatchObject([{ payload: 'x' }]);
  expect(await queue.statistics()).toMatchObject({ ...counts, ready: 5, due: 2, claimed: 1 });
});
