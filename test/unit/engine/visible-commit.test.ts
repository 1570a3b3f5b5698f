/** F7: the commit of a caller's transaction whose driver has no event for it. */
import { VisibleCommits } from '../../../src/engine/visible-commit.ts';
import { MultiOutboxError } from '../../../src/errors.ts';
import { deferred } from '../../support/deferred.ts';
import { fakeTimers } from '../../support/fake-timers.ts';

/** Commits whose looks find the messages in `committed`. */
function scene() {
  const committed = new Set<string>();
  /** The messages of each look. */
  const asked: (readonly string[])[] = [];
  let onLook: () => void | Promise<void> = () => {};
  const commits = new VisibleCommits(async (messageIds) => {
    asked.push(messageIds);
    const found = messageIds.filter((id) => committed.has(id));
    await onLook();
    return found;
  });
  return { commits, committed, asked, afterLook: (work: () => void | Promise<void>) => (onLook = work) };
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
    expect(asked).toEqual([['A'], ['A']]);
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
    if (asked.length === 3) for (const id of ids) committed.add(id);
  });
  const transaction = {};
  const all = await Promise.all(ids.map((id) => commits.of(transaction, id)));
  expect(all).toEqual(ids.map(() => true));
  expect(asked).toEqual([ids, ids, ids, ids]);
});

test('F7: a look asks for a hundred messages at most: for the last one, and for the others by turns', async () => {
  const { commits, committed, asked, afterLook } = scene();
  const ids = Array.from({ length: 250 }, (_, index) => `${index}`);
  afterLook(() => {
    if (asked.length === 4) committed.add('249');
  });
  const transaction = {};
  await Promise.all(ids.map((id) => commits.of(transaction, id)));
  const [first, second, third, fourth, fifth] = asked;
  expect(asked.map(({ length }) => length)).toEqual([100, 100, 52, 100, 100]);
  expect(new Set([...first!, ...second!, ...third!])).toEqual(new Set(ids));
  expect(fourth).toEqual(first);
  expect(fifth!.at(-1)).toBe('249');
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
  afterLook(() => {
    committed.add('3');
  });
  await Promise.all(all);
  expect(ended).toEqual(['1', '2 rolled back', '3']);
  // The connection is watched anew.
  committed.add('4');
  expect(await commits.of(connection, '4')).toBe(true);
});

test('F7: a commit between a rollback and an open transaction of the same connection is noticed', async () => {
  const { commits, committed } = scene();
  const connection = {};
  void commits.of(connection, 'rolled back');
  const middle = commits.of(connection, 'committed');
  let isOpen = true;
  const last = commits.of(connection, 'open').finally(() => {
    isOpen = false;
  });
  committed.add('committed');
  expect(await middle).toBe(true);
  expect(isOpen).toBe(true);
  committed.add('open');
  await last;
});

test('F7: a caller that hears of a commit may at once await the connection’s next one', async () => {
  const { commits, committed } = scene();
  const connection = {};
  committed.add('first').add('second');
  expect(await commits.of(connection, 'first').then(() => commits.of(connection, 'second'))).toBe(true);
});

describe('the pauses between looks (F7)', () => {
  const pass = fakeTimers();

  test('F7: a later call shortens the pause that is under way, and no more calls prolong it', async () => {
    const { commits, asked } = scene();
    const connection = {};
    void commits.of(connection, '1');
    // Until the pauses are as long as they get.
    await pass(10_000);
    const before = asked.length;
    await pass(1_000);
    expect(asked).toHaveLength(before + 1);
    for (let ms = 0; ms < 50; ms += 10) {
      void commits.of(connection, `at ${ms}`);
      await pass(10);
    }
    expect(asked).toHaveLength(before + 2);
    expect(asked.at(-1)).toHaveLength(6);
    await pass(80);
    expect(asked).toHaveLength(before + 3);
  });

  test('F7: a call during a look shortens the next pause', async () => {
    const { commits, asked, afterLook } = scene();
    const connection = {};
    void commits.of(connection, '1');
    await pass(10_000);
    const gate = deferred();
    afterLook(() => gate.promise);
    await pass(1_000);
    const before = asked.length;
    void commits.of(connection, '2');
    gate.resolve();
    await pass(50);
    expect(asked).toHaveLength(before + 1);
  });

  test('F7: each call ends a minute after it began, also while a look has no answer', async () => {
    const { commits, afterLook } = scene();
    afterLook(() => new Promise(() => {}));
    const connection = {};
    const ended: string[] = [];
    const call = (id: string) => void commits.of(connection, id).then(() => ended.push(id));
    call('first');
    await pass(30_000);
    call('second');
    await pass(29_999);
    expect(ended).toEqual([]);
    await pass(1);
    expect(ended).toEqual(['first']);
    await pass(29_999);
    expect(ended).toEqual(['first']);
    await pass(1);
    expect(ended).toEqual(['first', 'second']);
  });

  test('F7: a wait that has ended leaves no timer', async () => {
    const { commits, committed } = scene();
    const connection = {};
    const all = ['1', '2'].map((id) => commits.of(connection, id));
    committed.add('2');
    await pass(10);
    await Promise.all(all);
    expect(jest.getTimerCount()).toBe(0);
  });
});
