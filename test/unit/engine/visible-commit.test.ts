/** F7: the commit of a caller's transaction whose driver has no event for it. */
import { VisibleCommits } from '../../../src/engine/visible-commit.ts';
import { MultiOutboxError } from '../../../src/errors.ts';

/** Commits whose looks find the messages in `committed`. */
function scene() {
  const committed = new Set<string>();
  const asked: string[] = [];
  let onLook = () => {};
  const commits = new VisibleCommits(async (messageId) => {
    asked.push(messageId);
    const isThere = committed.has(messageId);
    onLook();
    return isThere;
  });
  return { commits, committed, asked, afterLook: (work: () => void) => (onLook = work) };
}

const passing = new MultiOutboxError('DATABASE_LOCKED', 'the database is locked', { transient: true });
const closed = new MultiOutboxError('CLOSED', 'the database was closed to make room');

test.each([passing, closed])(
  'F7: an error that passes does not end the wait, because a wake before the commit would find nothing: %s',
  async (error) => {
    const { commits, committed, asked, afterLook } = scene();
    afterLook(() => {
      committed.add('A');
      if (asked.length === 1) throw error;
    });
    expect(await commits.of({}, 'A')).toBe(true);
    expect(asked).toEqual(['A', 'A']);
  },
);

test.each([
  new MultiOutboxError('LOGIN_REFUSED', 'the login lacks a permission'),
  new TypeError('a fault of the program'),
])(
  'F7: an error that does not pass ends all waits for the transaction at the first look: %s',
  async (error) => {
    const { commits, asked, afterLook } = scene();
    afterLook(() => {
      throw error;
    });
    const transaction = {};
    const all = await Promise.allSettled(['A', 'B'].map((id) => commits.of(transaction, id)));
    expect(all).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ]);
    expect(asked).toHaveLength(1);
  },
);

test('F7: all calls for one transaction share its looks', async () => {
  const { commits, committed, asked, afterLook } = scene();
  const ids = Array.from({ length: 100 }, (_, index) => `${index}`);
  afterLook(() => {
    if (asked.length === 6) for (const id of ids) committed.add(id);
  });
  const transaction = {};
  const all = await Promise.all(ids.map((id) => commits.of(transaction, id)));
  expect(all).toEqual(ids.map(() => true));
  // Three times the last message and the first one, and once the last one.
  expect(asked).toEqual(['99', '0', '99', '0', '99', '0', '99']);
});

test('F7: a commit is noticed while the connection has its next transaction, and a rollback ends with the next commit', async () => {
  const { commits, committed, afterLook } = scene();
  const connection = {};
  const ended: string[] = [];
  const watch = (id: string) => commits.of(connection, id).then(() => ended.push(id));
  committed.add('1');
  const all = ['1', '2 rolled back', '3'].map(watch);
  await all[0];
  expect(ended).toEqual(['1']);
  afterLook(() => committed.add('3'));
  await Promise.all(all);
  expect(ended).toEqual(['1', '2 rolled back', '3']);
  // The connection is watched anew.
  committed.add('4');
  expect(await commits.of(connection, '4')).toBe(true);
});
