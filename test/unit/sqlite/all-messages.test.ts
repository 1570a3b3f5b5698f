import { allMessages } from '../../../src/engine/sqlite/index.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, message, settle, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

test('every message of a queue, in any state, in the order of storing', async () => {
  const queue = await place.outbox();
  const later = { dueInMs: 3_600_000 };
  await queue.enqueue([message('later', later), message('done'), message('dead'), message('claimed')]);
  const run = await begin(queue);
  const [done, dead] = run.messages;
  await settle(
    queue,
    run,
    [
      { ...done!, kind: 'done' },
      { ...dead!, kind: 'dead', error: 'no' },
    ],
    { do: 'renew-lease' },
  );
  const [outbox, inbox] = await withProgram(tenantFileOf(place), (database) => [
    allMessages(database, 'outbox'),
    allMessages(database, 'inbox'),
  ]);
  expect(outbox.map(({ payload }) => payload)).toEqual(['later', 'done', 'dead', 'claimed']);
  expect(inbox).toEqual([]);
});
