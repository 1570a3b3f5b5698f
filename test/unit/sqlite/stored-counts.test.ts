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
