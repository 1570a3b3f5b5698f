/** What a claim reads behind the messages that it takes, when many ordering groups take turns. */
import { Connection } from '../../../src/engine/sqlite/connection.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, manyBytes, message } from './scene.ts';

const place = new SqlitePlace();

const start = 1_700_000_000_000;
let now = start;

afterEach(() => jest.restoreAllMocks());

/** Fifty ordering groups; each round enqueues one more message of each. */
async function groups(rounds: readonly { readonly dueInMs?: number }[]) {
  now = start;
  const queue = await place.outbox('acme', place.engine({ clock: () => now }));
  for (const more of rounds) {
    await queue.enqueue(
      Array.from({ length: 50 }, (_, n) => message('x', { orderingKey: `key-${n}`, ...more })),
    );
    now += 1;
  }
  const reads = jest.spyOn(Connection.prototype, 'getTuple');
  return { queue, readBehind: () => reads.mock.calls.filter(([sql]) => /Blocked < 2/.test(sql)).length };
}

test.each([
  [50, 1, 'one message behind those that it takes, to know that there are more'],
  [49, 0, 'no message behind those that it takes if another one is due'],
])('Q4, Q10: a full claim of %p of 50 groups reads %p: %s', async (limit, read) => {
  const { queue, readBehind } = await groups([{}, {}]);
  const { messages, more } = await begin(queue, limit);
  expect(messages).toHaveLength(limit);
  expect(more).toBe(true);
  expect(readBehind()).toBe(read);
});

test('Q11: a full claim leaves no more if the messages behind those that it takes are not due', async () => {
  const { queue } = await groups([{}, { dueInMs: 1_000 }]);
  const { messages, more } = await begin(queue, 50);
  expect(messages).toHaveLength(50);
  expect(more).toBe(false);
});

test('Q11: a full claim leaves more if one of the messages behind those that it takes is due', async () => {
  const { queue } = await groups([{}]);
  await queue.enqueue([
    message('later', { orderingKey: 'key-0', dueInMs: 1_000 }),
    message('now', { orderingKey: 'key-49' }),
  ]);
  now += 1;
  expect(await begin(queue, 50)).toMatchObject({ more: true });
});

test('Q4, Q10: a claim with a limit of its topic looks at no more messages behind a head than it may take', async () => {
  const queue = await place.outbox('acme', place.engine({ clock: () => start }));
  await queue.enqueue(Array.from({ length: 100 }, () => message('x', { orderingKey: 'k' })));
  const reads = jest.spyOn(Connection.prototype, 'getTuple');
  const claim = { limit: 10, maxBytes: manyBytes, rooms: [{ topic: 'orders', room: 50 }] };
  const run = await queue.begin({ owner: 'run', durationMs: 60_000, claim });
  expect(run.status === 'claimed' && run.messages).toHaveLength(10);
  const behind = reads.mock.calls.filter(([sql]) => /^SELECT .* InGroup = 1 AND Sequence > \? /s.test(sql));
  expect(behind).toHaveLength(10);
});
