/** Q8: outcomes of many messages that are Done are written together if they are those of all claimed messages. */
import type { SettledMessage } from '../../../src/engine/message.ts';
import { Connection } from '../../../src/engine/sqlite/connection.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, message, settle, type Then, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

afterEach(() => jest.restoreAllMocks());

const count = 8;
const renew: Then = { do: 'renew-lease' };
const done = (sequence: number, messageId: string): SettledMessage => ({ sequence, messageId, kind: 'done' });

/** A run that has claimed `count` messages, of the sequences from 1. */
async function claimed(more: Parameters<typeof message>[1] = {}) {
  const queue = await place.outbox();
  await queue.enqueue(Array.from({ length: count }, (_, at) => message(`${at + 1}`, more)));
  const run = await begin(queue);
  const outcomes = run.messages.map(({ sequence, messageId }) => done(sequence, messageId));
  expect(outcomes.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  return { queue, run, outcomes };
}

/** As after a restore: another message has the sequence, and the lease the id of another call. */
const setId = (sequence: number, messageId: string) =>
  withProgram(tenantFileOf(place), (db) => {
    db.prepare('UPDATE Outbox SET MessageId = ? WHERE Sequence = ?').run(messageId, sequence);
    db.exec(breaksHistory);
  });

/** From then on the outcomes are compared by their ids. */
const breaksHistory = 'UPDATE Leases SET CallId = -1';

const claimedRows = () =>
  withProgram(tenantFileOf(place), (db) =>
    db
      .prepare('SELECT Sequence FROM Outbox WHERE Status = 1 ORDER BY Sequence')
      .all()
      .map(({ Sequence }) => Sequence),
  );

test.each([
  ['in the order of the claim', (all: SettledMessage[]) => all],
  ['in another order', (all: SettledMessage[]) => all.toReversed()],
])('Q8: all claimed messages, %s', async (_, order) => {
  const { queue, run, outcomes } = await claimed();
  expect(await settle(queue, run, order(outcomes), renew)).toMatchObject({ unmatched: [] });
  expect(await queue.statistics()).toMatchObject({ done: count, claimed: 0 });
});

test('Q8: all claimed messages but one', async () => {
  const { queue, run, outcomes } = await claimed();
  expect(await settle(queue, run, outcomes.slice(1), renew)).toMatchObject({ unmatched: [] });
  expect(await claimedRows()).toEqual([1]);
});

test('Q8, Q10: all claimed messages, of ordering groups that go on', async () => {
  const queue = await place.outbox();
  const turns = (round: string) =>
    ['c', 'a', 'b'].flatMap((orderingKey) =>
      ['1', '2', '3'].map((nth) => message(`${orderingKey}${round}${nth}`, { orderingKey })),
    );
  await queue.enqueue([...turns('x'), message('keyless')]);
  const run = await begin(queue);
  expect(run.messages).toHaveLength(10);
  await queue.enqueue(turns('y'));
  expect(await queue.statistics()).toMatchObject({ ready: 9, blocked: 9 });
  const outcomes = run.messages.map(({ sequence, messageId }) => done(sequence, messageId));
  const claim: Then = { do: 'claim', solo: false, limit: 3, maxBytes: 1_000 };
  const answer = await settle(queue, run, outcomes, claim);
  expect(answer.unmatched).toEqual([]);
  expect(answer.messages.map(({ payload }) => payload)).toEqual(['cy1', 'cy2', 'cy3']);
  // The heads of the other two groups may start.
  expect(await queue.statistics()).toMatchObject({ done: 10, claimed: 3, ready: 6, blocked: 4 });
});

test.each(['another id', ''])(
  "Q8: the outcome of a message whose sequence has another message, of the id '%s'",
  async (id) => {
    const { queue, run, outcomes } = await claimed();
    await setId(5, id);
    expect(await settle(queue, run, outcomes, renew)).toMatchObject({ unmatched: [5] });
    expect(await claimedRows()).toEqual([5]);
  },
);

test('Q8: an outcome that is sent twice, and one that is missing', async () => {
  const { queue, run, outcomes } = await claimed();
  const twice = [...outcomes.slice(1), outcomes[1]!];
  expect(await settle(queue, run, twice, renew)).toMatchObject({ unmatched: [2] });
  expect(await claimedRows()).toEqual([1]);
});

test('Q8: a span of the claimed messages', async () => {
  const { queue, run, outcomes } = await claimed();
  expect(await settle(queue, run, outcomes.slice(0, 6), renew)).toMatchObject({ unmatched: [] });
  expect(await claimedRows()).toEqual([7, 8]);
  expect(await settle(queue, run, outcomes.slice(1), renew)).toMatchObject({ unmatched: [2, 3, 4, 5, 6] });
  expect(await claimedRows()).toEqual([]);
});

test('Q8, Q10: a span of the claimed messages of an ordering group', async () => {
  const { queue, run, outcomes } = await claimed({ orderingKey: 'K' });
  await queue.enqueue([message('next', { orderingKey: 'K' })]);
  expect(await settle(queue, run, outcomes.slice(0, 6), renew)).toMatchObject({ unmatched: [] });
  expect(await claimedRows()).toEqual([7, 8]);
  expect(await queue.statistics()).toMatchObject({ ready: 1, blocked: 1 });
  expect(await settle(queue, run, outcomes.slice(6), renew)).toMatchObject({ unmatched: [] });
  expect(await queue.statistics()).toMatchObject({ ready: 1, blocked: 0 });
});

test('Q8: ids with line breaks, which several rows could have together', async () => {
  const { queue, run, outcomes } = await claimed();
  await setId(1, 'a\n2 b');
  await setId(3, 'c');
  await withProgram(tenantFileOf(place), (db) => db.exec('DELETE FROM Outbox WHERE Sequence = 2'));
  const forged = [done(1, 'a'), done(2, 'b\n3 c'), ...outcomes.slice(3)];
  expect(await settle(queue, run, forged, renew)).toMatchObject({ unmatched: [1, 2] });
  expect(await claimedRows()).toEqual([1, 3]);
});

test('Q8: ids with line breaks, of fewer messages than there are outcomes', async () => {
  const { queue, run, outcomes } = await claimed();
  await setId(1, 'a\n2 b');
  await withProgram(tenantFileOf(place), (db) => db.exec('DELETE FROM Outbox WHERE Sequence = 2'));
  const forged = [done(1, 'a'), done(2, 'b'), ...outcomes.slice(2)];
  expect(await settle(queue, run, forged, renew)).toMatchObject({ unmatched: [1, 2] });
  expect(await claimedRows()).toEqual([1]);
});

const histories: readonly [string, string][] = [
  ['with the run’s history', ''],
  ['as after a restore', breaksHistory],
];

test.each(histories)('Q6, Q8: a row that another fence has claimed, %s', async (_, change) => {
  const { queue, run, outcomes } = await claimed();
  await withProgram(tenantFileOf(place), (db) =>
    db.exec(`UPDATE Outbox SET ClaimFence = 99 WHERE Sequence = 3; ${change}`),
  );
  expect(await settle(queue, run, outcomes, renew)).toMatchObject({ unmatched: [3] });
  expect(await claimedRows()).toEqual([3]);
});

test.each(histories)(
  'Q6, Q8: a row that another fence has claimed, among others in flight, %s',
  async (_, change) => {
    const { queue, run, outcomes } = await claimed();
    await withProgram(tenantFileOf(place), (db) =>
      db.exec(`UPDATE Outbox SET ClaimFence = 99 WHERE Sequence = 3; ${change}`),
    );
    expect(await settle(queue, run, outcomes.slice(1, 7), renew)).toMatchObject({ unmatched: [3] });
    expect(await claimedRows()).toEqual([1, 3, 8]);
  },
);

test.each(histories)('Q8, L3: a run that releases its lease has released it, %s', async (_, change) => {
  const { queue, run, outcomes } = await claimed();
  await withProgram(tenantFileOf(place), (db) => db.exec(change));
  expect(await settle(queue, run, outcomes)).toMatchObject({ lease: 'released', unmatched: [] });
  const claim = { limit: 1, maxBytes: 1_000 };
  expect(await queue.begin({ owner: 'another', durationMs: 1_000, claim })).toMatchObject({ status: 'idle' });
});

test('Q10, Q13: a replayed head is not due until the messages of its key that run are done, all of them', async () => {
  const queue = await place.outbox();
  const orderingKey = 'k';
  await queue.enqueue([message('k1', { orderingKey })]);
  const dying = await begin(queue);
  const died = { ...dying.messages[0]!, kind: 'dead', error: 'no' } as const;
  await settle(queue, dying, [died], { do: 'release-lease' }, { onDead: 'continue' });
  await queue.enqueue([...'12345'].map((payload) => message(payload)));
  await queue.enqueue(['k2', 'k3'].map((payload) => message(payload, { orderingKey })));
  const run = await begin(queue);
  expect(await queue.act({ do: 'replay' }, [died])).toHaveLength(1);
  const outcomes = run.messages.map(({ sequence, messageId }) => done(sequence, messageId));
  expect(outcomes).toHaveLength(7);
  await settle(queue, run, outcomes.slice(0, 6), renew);
  expect(await queue.statistics()).toMatchObject({ claimed: 1, blocked: 1, due: 0 });
  await settle(queue, run, outcomes.slice(6), renew);
  expect(await queue.statistics()).toMatchObject({ claimed: 0, blocked: 0, due: 1 });
});

test.each(histories)('Q6, Q8: rows that another fence has claimed, all of them, %s', async (_, change) => {
  const { queue, run, outcomes } = await claimed();
  await withProgram(tenantFileOf(place), (db) => db.exec(`UPDATE Outbox SET ClaimFence = 99; ${change}`));
  expect(await settle(queue, run, outcomes, renew)).toMatchObject({ unmatched: [1, 2, 3, 4, 5, 6, 7, 8] });
  expect(await claimedRows()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test.each(histories)(
  'Q8, Q10: all claimed messages, of which one has an ordering key, %s',
  async (_, change) => {
    const queue = await place.outbox();
    const orderingKey = 'k';
    await queue.enqueue([...'1234567'].map((payload) => message(payload)));
    await queue.enqueue([message('k1', { orderingKey })]);
    const run = await begin(queue);
    await queue.enqueue([message('k2', { orderingKey })]);
    await withProgram(tenantFileOf(place), (db) => db.exec(change));
    const outcomes = run.messages.map(({ sequence, messageId }) => done(sequence, messageId));
    const claim: Then = { do: 'claim', solo: true, limit: 10, maxBytes: 1_000 };
    expect(await settle(queue, run, outcomes, claim)).toMatchObject({ messages: [{ payload: 'k2' }] });
  },
);

test('Q8: the ids of many messages that are done are read only if the run’s history may be another', async () => {
  const queue = await place.outbox();
  await queue.enqueue(Array.from({ length: 3 * count }, (_, at) => message(`${at}`)));
  const run = await begin(queue);
  const outcomes = run.messages.map(({ sequence, messageId }) => done(sequence, messageId));
  const reads = [jest.spyOn(Connection.prototype, 'getTuple'), jest.spyOn(Connection.prototype, 'allTuples')];
  for (const [from, change, readsOfIds] of [
    [0, '', 0],
    [count, '', 0],
    [2 * count, breaksHistory, 1],
  ] as const) {
    await withProgram(tenantFileOf(place), (db) => db.exec(change));
    await expect(settle(queue, run, outcomes.slice(from, from + count), renew)).resolves.toMatchObject({
      unmatched: [],
    });
    const statements = reads.flatMap(({ mock }) => mock.calls.map(([sql]) => sql));
    expect(statements.filter((sql) => sql.includes('MessageId'))).toHaveLength(readsOfIds);
  }
});
