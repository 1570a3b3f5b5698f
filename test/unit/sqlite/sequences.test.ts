/** Q10: a message gets its Sequence under the file's write lock, so keys run in the order of their commits. */
import type { DatabaseSync } from 'node:sqlite';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, message, settle, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

const plainInsert = (payload: string) =>
  `INSERT INTO Outbox (Topic, OrderingKey, Payload) VALUES ('orders', 'K', '${payload}')`;

test.each([
  ['enqueued', 'COMMIT'],
  ['enqueued', 'ROLLBACK'],
  ['inserted by hand', 'COMMIT'],
  ['inserted by hand', 'ROLLBACK'],
])(
  'Q10: of two deferred transactions, the second one gets no sequence before the first one ends (%s, %s)',
  async (how, end) => {
    const queue = await place.outbox();
    const store = async (db: DatabaseSync, payload: string) => {
      if (how === 'enqueued') await queue.enqueue([message(payload, { orderingKey: 'K' })], db);
      else db.exec(plainInsert(payload));
    };
    const file = tenantFileOf(place);
    await withProgram(file, (one) =>
      withProgram(file, async (other) => {
        // A deferred transaction begins with a read, and takes the write lock at its first insert.
        one.exec('BEGIN');
        other.exec('BEGIN');
        await store(one, 'first');
        await expect(store(other, 'too early')).rejects.toThrow(/locked/);
        // This transaction has read the file as it was before the first commit, so the application repeats it.
        other.exec('ROLLBACK');
        one.exec(end);
        other.exec('BEGIN');
        await store(other, 'second');
        other.exec('COMMIT');
      }),
    );
    const run = await begin(queue);
    const expected = end === 'COMMIT' ? ['first', 'second'] : ['second'];
    expect(run.messages.map(({ payload }) => payload)).toEqual(expected);
    const sequences = run.messages.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    await settle(
      queue,
      run,
      run.messages.map(({ sequence, messageId }) => ({ sequence, messageId, kind: 'done' })),
    );
  },
);
