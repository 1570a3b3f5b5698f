/** One call holds the write lock, so what it looks at and changes has a bound; later calls go on behind it. */
import type { NewMessage } from '../../../src/engine/message.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, manyBytes, message, settle, type Then, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

const fromSources = (count: number, topic: string): NewMessage[] =>
  Array.from({ length: count }, (_, index) => message(`${index}`, { topic, source: `source ${index}` }));

describe('a claim looks at 200 throttled topics, a topic counting once for each source', () => {
  test.each([
    [199, ['last']],
    [200, []],
  ])('Q4: %p before the one that has room', async (count, claimed) => {
    const queue = await place.outbox();
    await queue.enqueue([
      ...fromSources(count, 'many'),
      message('last', { topic: 'other' }),
      message('first'),
    ]);
    const rooms = (room: number) => [
      { topic: 'many', room: 0 },
      { topic: 'other', room },
    ];
    const limits = { limit: 1_000, maxBytes: manyBytes };
    const run = await queue.begin({
      owner: 'run',
      durationMs: 60_000,
      claim: { ...limits, rooms: rooms(0) },
    });
    if (run.status !== 'claimed') throw new Error('nothing was claimed');
    expect(run.messages).toMatchObject([{ payload: 'first' }]);
    const claim: Then = { do: 'claim', solo: false, ...limits, rooms: rooms(1) };
    const { messages } = await settle(queue, run, [], claim);
    expect(messages.map(({ payload }) => payload)).toEqual(claimed);
    if (claimed.length === 0)
      expect((await settle(queue, run, [], claim)).messages).toMatchObject([{ payload: 'last' }]);
  });
});

test('Q16: a call corrects the due times of 1,000 messages, and the next one goes on', async () => {
  let now = 1_700_000_000_000;
  const queue = await place.outbox('acme', place.engine({ clock: () => now }));
  await queue.enqueue([message('first')]);
  const run = await begin(queue);
  await queue.enqueue(Array.from({ length: 1_001 }, (_, index) => message(`${index}`)));
  now -= 3_600_000;
  for (const due of [1_000, 1_001]) {
    expect(await settle(queue, run, [], { do: 'renew-lease' })).toMatchObject({ more: true, nextDueInMs: 0 });
    expect(await queue.statistics()).toMatchObject({ due, ready: 1_001 });
  }
});

test('Q16: the bound is one for prompt and delayed messages', async () => {
  let now = 1_700_000_000_000;
  const queue = await place.outbox('acme', place.engine({ clock: () => now }));
  const of = (dueInMs: number) => Array.from({ length: 600 }, (_, index) => message(`${index}`, { dueInMs }));
  await queue.enqueue([message('first'), ...of(1_000)]);
  const run = await begin(queue);
  await queue.enqueue(of(0));
  now -= 3_600_000;
  const drawnIn = () =>
    withProgram(tenantFileOf(place), (db) =>
      db.prepare('SELECT count(*) AS count FROM Outbox WHERE DueSetUtc IS NOT NULL').get(),
    );
  for (const count of [1_000, 1_200]) {
    await settle(queue, run, [], { do: 'renew-lease' });
    expect(await drawnIn()).toEqual({ count });
  }
});

test('Q16: a begin that has drawn in as many due times as it may, and found more, says so', async () => {
  let now = 1_700_000_000_000;
  const queue = await place.outbox('acme', place.engine({ clock: () => now }));
  await queue.enqueue(Array.from({ length: 1_001 }, (_, index) => message(`${index}`)));
  now -= 3_600_000;
  const run = await begin(queue, 2_000);
  expect(run.messages).toHaveLength(1_000);
  expect(run).toMatchObject({ more: true, nextDueInMs: 0 });
});

test('D4: a begin names 20 of the parked topics', async () => {
  const queue = await place.outbox();
  const topics = Array.from({ length: 21 }, (_, index) => `topic ${String(index).padStart(2, '0')}`);
  await queue.enqueue(topics.map((topic) => message('x', { topic })));
  const run = await begin(queue);
  const parked = run.messages.map(({ sequence, messageId }) => ({
    sequence,
    messageId,
    kind: 'release' as const,
    delayMs: 3_600_000,
    parked: true,
  }));
  await settle(queue, run, parked);
  const idle = await queue.begin({ owner: 'run', durationMs: 60_000, claim: { limit: 1, maxBytes: 1 } });
  expect(idle).toMatchObject({ status: 'idle', parked: { topics: topics.slice(0, 20), more: false } });
});
