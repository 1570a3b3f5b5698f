/** Prompt and delayed messages have an index each; every call reads both as one. */
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

const start = 1_700_000_000_000;
let now = start;

beforeEach(() => {
  now = start;
});

const aQueue = () => place.outbox('acme', place.engine({ clock: () => now }));
const payloads = ({ messages }: Pick<Claimed, 'messages'>) => messages.map(({ payload }) => payload);
const done = ({ sequence, messageId }: Claimed['messages'][number]) =>
  ({ sequence, messageId, kind: 'done' }) as const;

/** Enqueues messages that are due in the order of their names: two prompt ones, and delayed ones before, between and behind. */
async function mixed() {
  const queue = await aQueue();
  await queue.enqueue([
    message('e', { dueInMs: 400 }),
    message('a', { dueInMs: 100 }),
    message('c', { dueInMs: 300 }),
  ]);
  now = start + 200;
  await queue.enqueue([message('b')]);
  now = start + 350;
  await queue.enqueue([message('d')]);
  now = start + 1_000;
  return queue;
}

test.each([1, 2, 3, 5, 100])('Q4: claims of %p take them in the order of their due times', async (limit) => {
  const queue = await mixed();
  const claimed: string[] = [];
  let run = await begin(queue, limit);
  while (run.messages.length > 0) {
    claimed.push(...payloads(run));
    const claim: Then = { do: 'claim', solo: false, limit, maxBytes: manyBytes };
    const { messages, more } = await settle(queue, run, run.messages.map(done), claim);
    expect(more).toBe(claimed.length + messages.length < 5);
    run = { ...run, messages };
  }
  expect(claimed).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(await queue.statistics()).toMatchObject({ done: 5, claimed: 0, ready: 0 });
});

test('Q4: a delayed message comes behind a prompt one of the same due time that was enqueued before it', async () => {
  const queue = await aQueue();
  await queue.enqueue([message('first'), message('second', { dueInMs: 100 })]);
  now += 100;
  await queue.enqueue([message('third')]);
  expect(payloads(await begin(queue))).toEqual(['first', 'second', 'third']);
});

test.each([2, 3])(
  'Q4: topics with a limit have their room for the %p oldest messages, delayed or not',
  async (room) => {
    const queue = await mixed();
    const { messages } = (await queue.begin({
      owner: 'run',
      durationMs: 60_000,
      claim: { limit: 10, maxBytes: manyBytes, rooms: [{ topic: 'orders', room }] },
    })) as Claimed;
    expect(messages.map(({ payload }) => payload)).toEqual(['a', 'b', 'c'].slice(0, room));
  },
);

/** Enqueues `rounds` prompt messages, each with a delayed one that is due before the next; the names are in the order of the due times. */
async function alternating(rounds: number) {
  const queue = await aQueue();
  for (let round = 0; round < rounds; round++) {
    await queue.enqueue([message(`${round}b`, { dueInMs: 50 }), message(`${round}a`)]);
    // A gap in the sequences of the due messages: those of a whole span are claimed in another way.
    if (round === 0) await queue.enqueue([message('later', { dueInMs: 3_600_000 })]);
    now += 100;
  }
  return queue;
}

test.each([6, 7, 11, 12])(
  'Q4: a claim of %p of twelve messages, each with a due time of its own, takes the oldest',
  async (limit) => {
    const queue = await alternating(6);
    const oldest = [0, 1, 2, 3, 4, 5].flatMap((round) => [`${round}a`, `${round}b`]);
    expect(payloads(await begin(queue, limit))).toEqual(oldest.slice(0, limit));
    expect(await queue.statistics()).toMatchObject({ claimed: limit, ready: 13 - limit, due: 12 - limit });
  },
);

test.each([
  ['delayed', 'prompt', 50],
  ['prompt', 'delayed', 0],
])('Q4: a claim takes one %s message in front of six %s ones', async (_, __, dueInMs) => {
  const queue = await aQueue();
  await queue.enqueue([message('0', { dueInMs }), message('later', { dueInMs: 3_600_000 })]);
  now += 100;
  for (const name of '123456') {
    await queue.enqueue([message(name, { dueInMs: 50 - dueInMs })]);
    now += 100;
  }
  expect(payloads(await begin(queue))).toEqual([...'0123456']);
  expect(await queue.statistics()).toMatchObject({ claimed: 7, ready: 1 });
});

test.each([
  ['without limits of topics', []],
  ['with room for one', [{ topic: 'orders', room: 1 }]],
])(
  'Q4: of a prompt and a delayed message with one due time the first in sequence comes first, %s',
  async (_, rooms) => {
    const queue = await aQueue();
    await queue.enqueue([message('first'), message('second')]);
    const run = await begin(queue);
    const retry = (nth: number, delayMs: number) =>
      ({ ...run.messages[nth]!, kind: 'retry', delayMs, error: 'no' }) as const;
    await settle(queue, run, [retry(1, 100)], { do: 'renew-lease' });
    now += 100;
    const claim: Then = { do: 'claim', solo: true, limit: 2, maxBytes: manyBytes, rooms };
    const answer = await settle(queue, run, [retry(0, 0)], claim);
    expect(payloads(answer)).toEqual(rooms.length > 0 ? ['first'] : ['first', 'second']);
  },
);

test('Q4: a run under way takes a delayed message from its very millisecond', async () => {
  const queue = await aQueue();
  await queue.enqueue([message('first'), message('delayed', { dueInMs: 1_000 })]);
  const run = await begin(queue);
  const claim: Then = { do: 'claim', solo: false, limit: 10, maxBytes: manyBytes };
  now += 999;
  expect(await settle(queue, run, [], claim)).toMatchObject({ messages: [], nextDueInMs: 1 });
  now += 1;
  expect(await settle(queue, run, [], claim)).toMatchObject({ messages: [{ payload: 'delayed' }] });
});

test('Q4: a run that begins takes a delayed message that an earlier run had no room for', async () => {
  const queue = await aQueue();
  await queue.enqueue([message('mail', { topic: 'mails' }), message('delayed', { dueInMs: 1_000 })]);
  now += 1_000;
  const beginWith = async (room: number) => {
    const claim = { limit: 10, maxBytes: manyBytes, rooms: [{ topic: 'orders', room }] };
    return (await queue.begin({ owner: 'run', durationMs: 60_000, claim })) as Claimed;
  };
  const run = await beginWith(0);
  expect(payloads(run)).toEqual(['mail']);
  await settle(queue, run, run.messages.map(done));
  expect(payloads(await beginWith(1))).toEqual(['delayed']);
});

test('Q4, Q10: a message behind a head has its place by its own due time if that is later', async () => {
  const queue = await aQueue();
  await queue.enqueue([
    message('K1', { orderingKey: 'K' }),
    message('K2', { orderingKey: 'K', dueInMs: 200 }),
    message('K3', { orderingKey: 'K' }),
    message('A', { dueInMs: 100 }),
  ]);
  now += 1_000;
  expect(payloads(await begin(queue))).toEqual(['K1', 'A', 'K2', 'K3']);
});

test.each([
  ['that is due first', 0, 'B3'],
  ['of the lowest sequence, when both are due at once', 100, 'A3'],
])('Q4, Q10: the last room behind the heads is for the message %s', async (_, dueInMs, last) => {
  const queue = await aQueue();
  const keyed = (payload: string, dueInMs = 0) =>
    message(payload, { orderingKey: payload[0]!, ...(dueInMs > 0 && { dueInMs }) });
  await queue.enqueue([keyed('A1'), keyed('A2', 100), keyed('A3')]);
  await queue.enqueue([keyed('B1'), keyed('B2', 50), keyed('B3', dueInMs)]);
  now += 1_000;
  const rooms = [{ topic: 'orders', room: 3 }];
  const run = (await queue.begin({
    owner: 'run',
    durationMs: 60_000,
    claim: { limit: 10, maxBytes: manyBytes, rooms },
  })) as Claimed;
  expect(payloads(run).sort()).toEqual(['A1', 'A2', 'B1', 'B2', last].sort());
});

test('D4: of more parked messages than one call makes due, the one that is due last stays parked', async () => {
  const queue = await aQueue();
  const later = now + 3_600_000;
  await withProgram(tenantFileOf(place), (db) =>
    db.exec(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
      INSERT INTO Outbox (Topic, Payload, Parks, EnqueuedUtc, DueUtc)
      SELECT 'orders', i, 1, ${now}, ${later} - i / 2 FROM n`),
  );
  const request = { owner: 'run', durationMs: 60_000, handled: [{ topic: 'orders' }] };
  const claim = { limit: 1, maxBytes: manyBytes };
  expect(await queue.begin({ ...request, claim })).toMatchObject({ parked: { more: true } });
  const parked = await withProgram(tenantFileOf(place), (db) =>
    db.prepare(`SELECT Payload FROM Outbox WHERE DueUtc > ${now} ORDER BY Sequence`).all(),
  );
  expect(parked).toEqual([{ Payload: '1' }]);
});

test('Q11: the next due time is the earlier one of both', async () => {
  const queue = await aQueue();
  await queue.enqueue([message('a', { dueInMs: 5_000 })]);
  expect(await queue.statistics()).toMatchObject({
    ready: 1,
    due: 0,
    nextDueInMs: 5_000,
    oldestDueAgeMs: null,
  });
  const request = { owner: 'run', durationMs: 60_000, claim: { limit: 1, maxBytes: 1 } };
  expect(await queue.begin(request)).toMatchObject({ status: 'idle', nextDueInMs: 5_000 });
  now += 2_000;
  await queue.enqueue([message('b')]);
  now += 1_000;
  expect(await queue.statistics()).toMatchObject({ ready: 2, due: 1, nextDueInMs: 0, oldestDueAgeMs: 1_000 });
  const run = await begin(queue);
  expect(run).toMatchObject({ messages: [{ payload: 'b' }], nextDueInMs: 2_000 });
});

test('Q16: a prompt and a delayed message are drawn in, and an honest delay is not', async () => {
  const queue = await aQueue();
  await queue.enqueue([message('prompt'), message('delayed', { dueInMs: 60_000 })]);
  now -= 3_600_000;
  await queue.enqueue([message('honest', { dueInMs: 7_200_000 })]);
  const run = await begin(queue);
  expect(payloads(run)).toEqual(['prompt']);
  await settle(queue, run, run.messages.map(done));
  const rows = await withProgram(tenantFileOf(place), (db) =>
    db.prepare('SELECT Payload, DueUtc, DueSetUtc FROM Outbox WHERE Status = 0 ORDER BY Sequence').all(),
  );
  expect(rows).toEqual([
    { Payload: 'delayed', DueUtc: now + 60_000, DueSetUtc: now },
    { Payload: 'honest', DueUtc: now + 7_200_000, DueSetUtc: null },
  ]);
});

test('Q16: messages that were enqueued one after another are drawn in by one call', async () => {
  const queue = await aQueue();
  for (const payload of ['1', '2', '3']) {
    await queue.enqueue([message(payload), message(`${payload} delayed`, { dueInMs: 500 })]);
    now += 1;
  }
  now -= 3_600_000;
  const run = await begin(queue);
  expect(payloads(run)).toEqual(['1', '2', '3']);
  now += 500;
  const claim: Then = { do: 'claim', solo: false, limit: 10, maxBytes: manyBytes };
  expect(payloads(await settle(queue, run, [], claim))).toEqual(['1 delayed', '2 delayed', '3 delayed']);
});

test('Q15, Q16: a message whose times no program can read, stored with the constraints switched off, is drawn in', async () => {
  const queue = await aQueue();
  const ticks = 639_000_000_000_000_000n;
  await withProgram(tenantFileOf(place), (db) =>
    db.exec(`PRAGMA ignore_check_constraints = ON;
      INSERT INTO Outbox (Topic, Payload, EnqueuedUtc, DueUtc) VALUES ('orders', 'far', ${ticks}, ${ticks})`),
  );
  const unreadable = expect.stringMatching(/^EnqueuedUtc is not a time/);
  expect(await begin(queue)).toMatchObject({
    messages: [{ unreadable, dueUtc: new Date(now) }],
    nextDueInMs: null,
  });
});

test.each([
  [1_000, false],
  [1_001, true],
])('Q16: due times that were set %p ms later than now: drawn in is %p', async (backMs, drawnIn) => {
  const queue = await aQueue();
  await queue.enqueue([message('prompt'), message('delayed', { dueInMs: 500 })]);
  now -= backMs;
  const claim = { limit: 10, maxBytes: manyBytes };
  const answer = await queue.begin({ owner: 'run', durationMs: 60_000, claim });
  if (!drawnIn) expect(answer).toMatchObject({ status: 'idle', nextDueInMs: backMs });
  else
    expect(answer).toMatchObject({ status: 'claimed', messages: [{ payload: 'prompt' }], nextDueInMs: 500 });
});
