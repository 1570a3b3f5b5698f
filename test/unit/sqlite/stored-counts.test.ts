/** S2: what a run counts of its queue has limits, so that an idle look costs little however much is stored. */
import { storedCounts } from '../../../src/engine/stored-counts.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, message, settle, withProgram } from './scene.ts';

const place = new SqlitePlace();
const claim = { limit: 10, maxBytes: 1_000_000 };
const columns = 'Topic, Payload, DueUtc, Status, SettledUtc, OrderingKey';

/** A queue of rows that another program inserted: one for each number from 1 to `count`. */
async function idleRunOf(count: number, values: string) {
  const tenant = await place.tenant('acme');
  await withProgram(place.file('tenants/acme.db'), (db) =>
    db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
      INSERT INTO Outbox (${columns}) SELECT ${values} FROM n`),
  );
  const begun = await tenant.queue('outbox').begin({ owner: 'host', durationMs: 60_000, claim });
  if (begun.status !== 'idle') throw new Error(`expected an idle run, got ${begun.status}`);
  return begun.stored!;
}

const later = 4_000_000_000_000;

test('counts end at 10,000, and say so', async () => {
  expect(await idleRunOf(10_001, `'orders', '', 0, 3, 0, NULL`)).toMatchObject({
    dead: 10_000,
    atLeast: ['dead'],
  });
});

test('counts below the limit are exact', async () => {
  expect(await idleRunOf(9_999, `'orders', '', 0, 3, 0, NULL`)).toMatchObject({ dead: 9_999, atLeast: [] });
});

test('blocked messages are looked for among 1,000 members of ordering groups', async () => {
  const { ready, blocked, atLeast } = await idleRunOf(1_500, `'orders', '', ${later}, 0, NULL, 'K'`);
  expect({ ready, blocked, atLeast }).toEqual({ ready: 1_000, blocked: 999, atLeast: ['ready', 'blocked'] });
});

test('S2: an idle run counts the messages of an ordering group whose head another program has blocked', async () => {
  const tenant = await place.tenant('acme');
  const queue = tenant.queue('outbox');
  await queue.enqueue(['1', '2'].map((payload) => message(payload, { orderingKey: 'K' })));
  await withProgram(place.file('tenants/acme.db'), (db) => db.exec('UPDATE Outbox SET Blocked = 1'));
  expect(await queue.begin({ owner: 'host', durationMs: 60_000, claim })).toMatchObject({
    status: 'idle',
    stored: { ready: 2, blocked: 2, due: 0, isEmpty: false },
  });
});

test('S2: a queue is not empty while a message is claimed', async () => {
  const queue = (await place.tenant('acme')).queue('outbox');
  await queue.enqueue(['1', '2'].map((payload) => message(payload)));
  const begun = await begin(queue);
  const [{ sequence, messageId }] = begun.messages as [(typeof begun.messages)[number]];
  expect(await settle(queue, begun, [{ sequence, messageId, kind: 'done' }])).toMatchObject({
    lease: 'released',
    nextDueInMs: null,
    stored: { ready: 0, isEmpty: false },
  });
});

test('Q8, S2: an error of the count does not undo what the call has settled', async () => {
  const queue = (await place.tenant('acme')).queue('outbox');
  await queue.enqueue([message('1')]);
  const begun = await begin(queue);
  // Only the count reads this index.
  await withProgram(place.file('tenants/acme.db'), (db) => db.exec('DROP INDEX Outbox_Dead'));
  const [{ sequence, messageId }] = begun.messages as [(typeof begun.messages)[number]];
  const settled = await settle(queue, begun, [{ sequence, messageId, kind: 'done' }]);
  expect(settled).toMatchObject({
    lease: 'released',
    unmatched: [],
    countError: { message: expect.stringContaining('Outbox_Dead') },
  });
  expect(settled).not.toHaveProperty('stored');
  expect(await queue.get(messageId)).toMatchObject({ status: 2 });
});

test('a number is at least so many if any part of it has come to its limit', () => {
  const none = {
    unblocked: 0,
    due: 0,
    throttled: 0,
    members: 0,
    blocked: 0,
    dead: 0,
    oldestDueAgeMs: -1,
    parked: [],
    isEmpty: false,
  };
  const atLeast = (fields: Partial<typeof none>) => storedCounts({ ...none, ...fields }, 100).atLeast;
  expect(storedCounts(none, 100)).toMatchObject({ oldestDueAgeMs: null, atLeast: [] });
  expect(atLeast({ unblocked: 10_000, due: 5 })).toEqual(['ready']);
  expect(atLeast({ unblocked: 10_000, due: 10_000 })).toEqual(['ready', 'due']);
  expect(atLeast({ throttled: 10_000 })).toEqual(['ready', 'due']);
  expect(atLeast({ members: 100, blocked: 1 })).toEqual(['ready', 'blocked']);
  expect(storedCounts({ ...none, parked: [{ topic: 'a', count: 10_000 }] }, 100).atLeast).toEqual(['parked']);
});

/** A run of one message of each payload, on a clock that the test moves. Rooms are those of the topic 'orders'. */
async function runOf(...letters: Parameters<typeof message>[]) {
  let now = 1_700_000_000_000;
  const queue = await place.outbox('acme', place.engine({ clock: () => now }));
  const passes = (ms: number) => {
    now += ms;
  };
  await queue.enqueue(letters.map((each) => message(...each)));
  const run = await begin(queue);
  const of = (payload: string) => run.messages.find((each) => each.payload === payload)!;
  return { queue, run, of, passes };
}

test('S2: a message is counted as due from its very millisecond, with the age of the oldest', async () => {
  const { queue, run, of, passes } = await runOf(['1'], ['2'], ['3']);
  const later = (payload: string, delayMs: number) =>
    ({ ...of(payload), kind: 'retry', delayMs, error: 'no' }) as const;
  await settle(queue, run, [later('1', 1_000), later('2', 3_000), later('3', 3_001)], { do: 'renew-lease' });
  passes(3_000);
  const { stored } = await settle(queue, run, []);
  expect(stored).toMatchObject({ ready: 3, due: 2, oldestDueAgeMs: 2_000, isEmpty: false });
});

test('S2: the oldest due message may be a throttled one, or not', async () => {
  const { queue, run, passes } = await runOf(['first', { topic: 'mails' }]);
  await queue.enqueue([message('1')]);
  passes(1_000);
  await queue.enqueue([message('2')]);
  passes(1_000);
  const limits = { solo: false, limit: 10, maxBytes: 1_000_000, rooms: [{ topic: 'orders', room: 0 }] };
  expect(await settle(queue, run, [], { do: 'claim', ...limits })).toMatchObject({ throttled: true });
  await queue.enqueue([message('A', { topic: 'mails' }), message('B', { topic: 'mails' })]);
  passes(1_000);
  const { stored } = await settle(queue, run, []);
  // As many are throttled as are not.
  expect(stored).toMatchObject({ ready: 4, due: 4, oldestDueAgeMs: 3_000, isEmpty: false });
});

test('S2: a queue with as many blocked messages as others is not empty', async () => {
  const { queue, run, of } = await runOf(['k1', { orderingKey: 'k' }], ['k2', { orderingKey: 'k' }]);
  const release = (payload: string) => ({ ...of(payload), kind: 'release', delayMs: 0 }) as const;
  const blocked = await settle(queue, run, [release('k1'), release('k2')]);
  expect(blocked.stored).toMatchObject({ ready: 2, blocked: 1, due: 1, isEmpty: false });
});

test('S2: a queue with as many messages in flight as ready ones is not empty', async () => {
  const { queue, run } = await runOf(['in flight']);
  await queue.enqueue([message('ready')]);
  expect((await settle(queue, run, [])).stored).toMatchObject({ ready: 1, isEmpty: false });
});
