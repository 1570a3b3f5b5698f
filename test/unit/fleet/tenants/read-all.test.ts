import type { Directory, ListedTenants } from '../../../../src/fleet/tenants/directory-listing.ts';
import { mostTenants, readAll } from '../../../../src/fleet/tenants/read-all.ts';
import { turns } from '../../../support/deferred.ts';
import { until } from '../../../support/until.ts';

const directory = (read: Directory['read']): Directory => ({ name: 'crm', read });
const never = new AbortController().signal;
const tooLong = {
  code: 'INVALID_CONFIGURATION',
  message: expect.stringContaining("'crm' lists more than 1,000,000 tenants"),
};

/** An endless list whose entries are ready at once, and how often its iterator was closed. */
function endless() {
  const state = { read: 0, closed: 0 };
  const entry = { id: 'acme' };
  const next = () => {
    if (++state.read > mostTenants + 1_000) throw new Error('the list is read without end');
    return { done: false as const, value: entry };
  };
  const end = () => {
    state.closed++;
    return { done: true as const, value: undefined };
  };
  const sync: ListedTenants = { [Symbol.iterator]: () => ({ next, return: end }) };
  const async: ListedTenants = {
    [Symbol.asyncIterator]: () => ({ next: async () => next(), return: async () => end() }),
  };
  return { state, sync, async };
}

test.each(['sync', 'async'] as const)(
  'F2: a list of as many entries as allowed is read: %s',
  async (kind) => {
    const few = [{ id: 'a' }, { id: 'b' }];
    async function* later() {
      yield* few;
    }
    expect(
      await readAll(
        directory(() => (kind === 'sync' ? few : later())),
        never,
      ),
    ).toEqual(few);
  },
);

test.each(['sync', 'async'] as const)(
  'F2: a list that never ends is refused at its limit, and closed: %s',
  async (kind) => {
    const list = endless();
    await expect(
      readAll(
        directory(() => list[kind]),
        never,
      ),
    ).rejects.toMatchObject(tooLong);
    expect(list.state.read).toBe(mostTenants + 1);
    await until('it is closed', () => list.state.closed === 1);
  },
);

test('F2: while a list is read whose entries are ready at once, other events are handled, and its signal ends it', async () => {
  const { state, async: list } = endless();
  const stop = new AbortController();
  setImmediate(() => stop.abort(new Error('closed')));
  await expect(
    readAll(
      directory(() => list),
      stop.signal,
    ),
  ).rejects.toThrow('closed');
  await until('it is closed', () => state.closed > 0);
  const { read } = state;
  expect(read).toBeLessThan(mostTenants);
  await turns();
  expect(state).toEqual({ read, closed: 1 });
});

test.each([
  ['resolves', () => Promise.resolve({ done: true as const, value: undefined })],
  ['rejects', () => Promise.reject(new Error('cannot be closed'))],
  [
    'throws',
    () => {
      throw new Error('cannot be closed');
    },
  ],
])(
  'F2: a list that waits for its next entry is told when the signal fires: closing it %s',
  async (_, end) => {
    let isTold = false;
    const waiting: ListedTenants = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return() {
          isTold = true;
          return end();
        },
      }),
    };
    const stop = new AbortController();
    setImmediate(() => stop.abort(new Error('closed')));
    await expect(
      readAll(
        directory(() => waiting),
        stop.signal,
      ),
    ).rejects.toThrow('closed');
    await until('it is told', () => isTold);
  },
);

test('F2: a list whose reading fails is closed, and fails with its error', async () => {
  async function* failing() {
    yield { id: 'a' };
    throw new Error('no such table');
  }
  await expect(readAll(directory(failing), never)).rejects.toThrow('no such table');
});

test('F2: a list that was read to its end is not closed when the signal fires later', async () => {
  let isClosed = false;
  const end = { done: true as const, value: undefined };
  const ended: ListedTenants = {
    [Symbol.asyncIterator]: () => ({
      next: async () => end,
      async return() {
        isClosed = true;
        return end;
      },
    }),
  };
  const stop = new AbortController();
  expect(
    await readAll(
      directory(() => ended),
      stop.signal,
    ),
  ).toEqual([]);
  stop.abort();
  await turns();
  expect(isClosed).toBe(false);
});
