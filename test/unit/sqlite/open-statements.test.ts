/** A claim that stops early ends its reads: an open one would keep the write-ahead log from being emptied, however long. */
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { manyBytes, message, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

/** Whether another program can write the whole log into the file and empty it. */
const canEmptyLog = () =>
  withProgram(tenantFileOf(place), (db) => {
    const { busy } = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number };
    return busy === 0;
  });

const request = { owner: 'run', durationMs: 60_000 };

test('Q4: a claim that takes a part of the due messages', async () => {
  const queue = await place.outbox();
  await queue.enqueue(['1', '2', '3'].map((payload) => message(payload)));
  const begun = await queue.begin({ ...request, claim: { limit: 1, maxBytes: manyBytes } });
  expect(begun).toMatchObject({ messages: [{ payload: '1' }], more: true });
  expect(await canEmptyLog()).toBe(true);
});

test('Q4: a claim that leaves out a topic without room, and one that puts a part of it back', async () => {
  const queue = await place.outbox();
  await queue.enqueue(['1', '2', '3'].map((payload) => message(payload)));
  await queue.enqueue(['4', '5'].map((payload) => message(payload, { topic: 'mails' })));
  for (const [room, claimed] of [
    [0, '4'],
    [1, '1'],
  ] as const) {
    const rooms = [
      { topic: 'orders', room },
      { topic: 'mails', room: 1 },
    ];
    const begun = await queue.begin({ ...request, claim: { limit: 1, maxBytes: manyBytes, rooms } });
    expect(begun).toMatchObject({ status: 'claimed', messages: [{ payload: claimed }] });
    expect(await canEmptyLog()).toBe(true);
  }
});

test('Q4: a claim that takes a part of the due messages, prompt and delayed ones', async () => {
  let now = 1_700_000_000_000;
  const queue = await place.outbox('acme', place.engine({ clock: () => now }));
  await queue.enqueue(['1', '3'].map((payload) => message(payload, { dueInMs: 100 })));
  now += 200;
  await queue.enqueue(['2', '4'].map((payload) => message(payload)));
  const begun = await queue.begin({ ...request, claim: { limit: 1, maxBytes: manyBytes } });
  expect(begun).toMatchObject({ messages: [{ payload: '1' }], more: true });
  expect(await canEmptyLog()).toBe(true);
});
