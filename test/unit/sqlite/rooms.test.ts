/** Q4, Q10: the rooms of topics and sources, message by message, on a clock that the test moves. */
import type { TopicRoom } from '../../../src/engine/work-queue.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import {
  begin,
  type Claimed,
  manyBytes,
  message,
  settle,
  type Then,
  tenantFileOf,
  withProgram,
} from './scene.ts';

const place = new SqlitePlace();

let now = 0;
beforeEach(() => {
  now = 1_700_000_000_000;
});

const aQueue = () => place.outbox('acme', place.engine({ clock: () => now }));
const payloads = ({ messages }: Pick<Claimed, 'messages'>) => messages.map(({ payload }) => payload);
const sql = (text: string) => withProgram(tenantFileOf(place), (db) => db.exec(text));

async function beginWith(queue: Awaited<ReturnType<typeof aQueue>>, rooms: TopicRoom[], limit = 100) {
  const claim = { limit, maxBytes: manyBytes, rooms };
  const run = await queue.begin({ owner: 'run', durationMs: 60_000, claim });
  if (run.status !== 'claimed') throw new Error(`nothing was claimed: ${run.status}`);
  return run;
}

const claimWith = (rooms: TopicRoom[], limit = 100): Then => ({
  do: 'claim',
  solo: false,
  limit,
  maxBytes: manyBytes,
  rooms,
});

test('I4, Q4, Q10: a source with a room of its own bounds the messages behind its heads', async () => {
  const queue = await aQueue();
  const from = (source: string) =>
    ['1', '2', '3'].map((nth) => message(source + nth, { source, orderingKey: source }));
  await queue.enqueue([...from('a'), ...from('b')]);
  const run = await beginWith(queue, [{ topic: 'orders', source: 'a', room: 1 }]);
  expect(payloads(run)).toEqual(['a1', 'a2', 'b1', 'b2', 'b3']);
});

test('Q4, Q10: a message behind its head that is not due yet takes no room from those that are', async () => {
  const queue = await aQueue();
  const keyed = (payload: string, dueInMs = 0) =>
    message(payload, { orderingKey: payload[0]!, ...(dueInMs > 0 && { dueInMs }) });
  await queue.enqueue([keyed('a1'), keyed('a2', 1_000), keyed('b1'), keyed('b2'), keyed('b3')]);
  now += 1;
  expect(payloads(await beginWith(queue, [{ topic: 'orders', room: 2 }]))).toEqual(['a1', 'b1', 'b2', 'b3']);
});

test('Q4, Q10: a message behind its head that is dead takes no room from those that can start', async () => {
  const queue = await aQueue();
  const keyed = (payload: string) => message(payload, { orderingKey: payload[0]! });
  await queue.enqueue([keyed('a1'), keyed('a2')]);
  const run = await begin(queue);
  const [a1, a2] = run.messages;
  await queue.enqueue([keyed('b1'), keyed('b2'), keyed('b3')]);
  const ends = [
    { ...a1!, kind: 'release', delayMs: 0 },
    { ...a2!, kind: 'dead', error: 'no' },
  ] as const;
  const claimed = await settle(queue, run, ends, claimWith([{ topic: 'orders', room: 2 }]));
  expect(payloads(claimed)).toEqual(['a1', 'b1', 'b2', 'b3']);
});

test('Q4, Q10: a group goes on behind a message of a topic without a limit', async () => {
  const queue = await aQueue();
  const orderingKey = 'k';
  await queue.enqueue([
    message('k1', { orderingKey }),
    message('k2', { orderingKey, topic: 'mails' }),
    message('k3', { orderingKey }),
  ]);
  expect(payloads(await beginWith(queue, [{ topic: 'orders', room: 2 }]))).toEqual(['k1', 'k2', 'k3']);
});

test('Q4, Q10: a message behind one without room takes no room from those that can start', async () => {
  const queue = await aQueue();
  const keyed = (payload: string, topic: string) => message(payload, { orderingKey: payload[0]!, topic });
  await queue.enqueue([keyed('a1', 'quick'), keyed('a2', 'orders'), keyed('a3', 'mails')]);
  await queue.enqueue([keyed('b1', 'quick'), keyed('b2', 'quick'), keyed('b3', 'mails')]);
  const rooms = [
    { topic: 'orders', room: 0 },
    { topic: 'mails', room: 1 },
  ];
  expect(payloads(await beginWith(queue, rooms))).toEqual(['a1', 'b1', 'b2', 'b3']);
});

test('I4, Q4, Q10: the room of a source bounds no message without a source', async () => {
  const queue = await aQueue();
  await queue.enqueue(['1', '2', '3'].map((nth) => message(nth, { orderingKey: 'k' })));
  expect(payloads(await beginWith(queue, [{ topic: 'orders', source: 'x', room: 0 }]))).toEqual([
    '1',
    '2',
    '3',
  ]);
});

test('I4, Q4: of throttled messages that share a room the oldest come back, whatever the order of their sources', async () => {
  const queue = await aQueue();
  const from = (source: string, payload: string) => message(payload, { source });
  await queue.enqueue([from('d', '3'), from('c', '4')]);
  now -= 1;
  await queue.enqueue([from('z', '2')]);
  now -= 1;
  await queue.enqueue([from('x', '1'), from('a', '1a')]);
  now += 10;
  await queue.enqueue([message('first', { topic: 'mails' }), from('b', '5')]);
  const run = await beginWith(queue, [{ topic: 'orders', room: 0 }]);
  expect(payloads(run)).toEqual(['first']);
  const seen: string[] = [];
  for (const room of [2, 2, 2]) {
    const { messages } = await settle(queue, run, [], claimWith([{ topic: 'orders', room }]));
    seen.push(payloads({ messages }).join(' '));
  }
  expect(seen).toEqual(['1 1a', '2 3', '4 5']);
});

test('Q4, Q10: a message behind its head that is wrongly throttled is blocked by the next claim with room', async () => {
  const queue = await aQueue();
  const orderingKey = 'k';
  await queue.enqueue([message('first', { topic: 'other' })]);
  const run = await begin(queue);
  await queue.enqueue([message('k1', { topic: 'mails', orderingKey }), message('k2', { orderingKey })]);
  await sql(`UPDATE Outbox SET Blocked = 2 WHERE Payload = 'k2'`);
  expect(await queue.statistics()).toMatchObject({ ready: 2, due: 2, blocked: 0 });
  const rooms = [
    { topic: 'orders', room: 1 },
    { topic: 'mails', room: 0 },
  ];
  expect(await settle(queue, run, [], claimWith(rooms))).toMatchObject({ messages: [], more: false });
  expect(await queue.statistics()).toMatchObject({ ready: 2, due: 1, blocked: 1 });
});

test('Q4, Q10: a message that is wrongly unblocked uses no room', async () => {
  const queue = await aQueue();
  const orderingKey = 'k';
  await queue.enqueue([message('k1', { orderingKey }), message('k2', { orderingKey }), message('A')]);
  await sql('UPDATE Outbox SET Blocked = 0');
  const run = await beginWith(queue, [{ topic: 'orders', room: 2 }]);
  expect(payloads(run)).toEqual(['k1', 'k2', 'A']);
});

test('Q5, Q10: one message that is wrongly unblocked among many that are claimed has one attempt, in its place', async () => {
  const queue = await aQueue();
  const orderingKey = 'k';
  await queue.enqueue([message('k1', { orderingKey }), message('k2', { orderingKey, dueInMs: 10 })]);
  await queue.enqueue([...'123456'].map((payload) => message(payload)));
  await sql(`UPDATE Outbox SET Blocked = 0`);
  now += 5;
  const run = await begin(queue);
  expect(payloads(run)).toEqual(['k1', ...'123456']);
  now += 10;
  await sql(`UPDATE Outbox SET Blocked = 0 WHERE Payload = 'k2'`);
  await queue.enqueue([...'123456'].map((payload) => message(payload)));
  const claim: Then = { do: 'claim', solo: false, limit: 100, maxBytes: manyBytes };
  expect(payloads(await settle(queue, run, [], claim))).toEqual([...'123456']);
  expect(await queue.statistics()).toMatchObject({ claimed: 13, ready: 1, blocked: 1 });
});

test('Q10: many messages are claimed behind one that is wrongly unblocked while its key runs', async () => {
  const queue = await aQueue();
  await queue.enqueue(['k1', 'k2'].map((payload) => message(payload, { orderingKey: 'k' })));
  // A gap in the sequences of the due messages: those of a whole span are claimed in another way.
  await queue.enqueue([message('1'), message('later', { dueInMs: 3_600_000 })]);
  await queue.enqueue([...'23456'].map((payload) => message(payload)));
  const run = await begin(queue, 1);
  await sql('UPDATE Outbox SET Blocked = 0');
  const claim: Then = { do: 'claim', solo: false, limit: 100, maxBytes: manyBytes };
  expect(payloads(await settle(queue, run, [], claim))).toEqual([...'123456']);
  expect(await queue.statistics()).toMatchObject({ claimed: 7, ready: 2, blocked: 1 });
});

test('Q4: of more topics than a claim looks at some come back, and there may be more', async () => {
  const queue = await aQueue();
  const from = (nth: number) => message(`${nth}`, { source: `${1_000 + nth}` });
  await queue.enqueue(Array.from({ length: 201 }, (_, nth) => from(nth)));
  await queue.enqueue([message('first', { topic: 'mails' })]);
  const run = await beginWith(queue, [{ topic: 'orders', room: 0 }], 1_000);
  expect(payloads(run)).toEqual(['first']);
  const none = await settle(queue, run, [], claimWith([{ topic: 'orders', room: 0 }]));
  expect(none).toMatchObject({ messages: [], more: false, throttled: true });
  const some = await settle(queue, run, [], claimWith([{ topic: 'orders', room: 1 }]));
  expect(some).toMatchObject({ messages: [{}], more: true, throttled: true });
});

test('Q4: a claim that throttles as many messages as one call may takes none, and says that there is more', async () => {
  const queue = await aQueue();
  await queue.enqueue([message('first', { topic: 'mails' })]);
  const run = await begin(queue);
  await queue.enqueue(Array.from({ length: 4_002 }, (_, nth) => message(`${nth}`)));
  const answer = await settle(queue, run, [], claimWith([{ topic: 'orders', room: 0 }]));
  expect(answer).toMatchObject({ messages: [], more: true, onlySolo: false, throttled: true });
  const throttled = await withProgram(tenantFileOf(place), (db) =>
    db.prepare('SELECT count(*) AS count FROM Outbox WHERE Blocked = 2').get(),
  );
  expect(throttled).toEqual({ count: 4_000 });
});

test('Q4, Q10: one claim blocks a limited number of wrongly throttled messages, and says that there is more', async () => {
  const queue = await aQueue();
  await queue.enqueue([message('first', { topic: 'other' })]);
  const run = await begin(queue);
  const orderingKey = 'k';
  const behind = Array.from({ length: 4_001 }, (_, nth) => message(`${nth}`, { orderingKey }));
  const last = message('last', { topic: 'unlike', orderingKey });
  await queue.enqueue([message('head', { topic: 'mails', orderingKey }), ...behind, last]);
  await sql(`UPDATE Outbox SET Blocked = 2 WHERE Topic IN ('orders', 'unlike')`);
  const rooms = ['mails', 'orders', 'unlike'].map((topic) => ({ topic, room: topic === 'mails' ? 0 : 1 }));
  for (const [more, blocked] of [
    [true, 4_000],
    [false, 4_002],
  ]) {
    expect(await settle(queue, run, [], claimWith(rooms))).toMatchObject({ messages: [], more });
    expect(await queue.statistics()).toMatchObject({ ready: 4_003, blocked });
  }
});
