import {
  checkedDirectory,
  type Directory,
  readDirectory,
} from '../../../../src/fleet/tenants/directory-listing.ts';
import { hostileValues } from '../../../support/hostile.ts';

const never = new AbortController().signal;

/** An entry that takes longer to read than the process may compute without yielding. */
function slowEntry(id: string, onRead: () => void) {
  return {
    get id() {
      onRead();
      const until = performance.now() + 6;
      while (performance.now() < until);
      return id;
    },
  };
}

test('F2: other events are processed while a long list is checked', async () => {
  const seen: string[] = [];
  const read = () => [
    slowEntry('a', () => {
      seen.push('a');
      setImmediate(() => seen.push('event'));
    }),
    slowEntry('b', () => seen.push('b')),
  ];
  const { tenants } = await readDirectory({ name: 'crm', read }, true, never);
  expect([...tenants.keys()]).toEqual(['a', 'b']);
  expect(seen).toEqual(['a', 'event', 'b']);
});

test('F2: an invalid entry is refused with its id, if it has one; the others are listed', async () => {
  const read = () =>
    [
      { id: 'a' },
      { id: 'b', status: 'gone' },
      { id: 'a' },
      { id: 'No Id' },
      { id: 5 },
      null,
      { id: 'c', status: 'paused' },
      { id: 'd', status: 'active' },
    ] as never;
  const { tenants, refused } = await readDirectory({ name: 'crm', read }, true, never);
  expect([...tenants].map(([id, { status, definition }]) => [id, status, definition.tags])).toEqual([
    ['a', undefined, { directory: 'crm' }],
    ['c', 'paused', { directory: 'crm' }],
    ['d', 'active', { directory: 'crm' }],
  ]);
  expect(refused).toEqual([
    { id: 'b', problem: expect.stringContaining('status must be') },
    { id: 'a', problem: expect.stringContaining('listed twice') },
    { id: undefined, problem: expect.stringContaining('id must be') },
    { id: undefined, problem: expect.stringContaining('id must be') },
    { id: undefined, problem: expect.any(String) },
  ]);
});

test.each(['before it is read', 'while it is read'])(
  'F2: a directory is given up %s when the signal fires',
  async (when) => {
    const stop = new AbortController();
    const abort = () => stop.abort(new Error('closed'));
    let told: AbortSignal | undefined;
    const directory: Directory = {
      name: 'crm',
      read(signal) {
        told = signal;
        if (when === 'while it is read') setImmediate(abort);
        return new Promise(() => {});
      },
    };
    if (when === 'before it is read') abort();
    await expect(readDirectory(directory, true, stop.signal)).rejects.toThrow('closed');
    // The directory is not read at all when the signal has already fired.
    if (when === 'before it is read') expect(told).toBeUndefined();
    else expect(told!.aborted).toBe(true);
  },
);

test('F2: a directory is given up when it was not read within a minute', async () => {
  const minute = new AbortController();
  const timeout = jest
    .spyOn(AbortSignal, 'timeout')
    .mockImplementation((ms) => (ms === 60_000 ? minute.signal : never));
  try {
    const read = () => {
      setImmediate(() => minute.abort(new Error('a minute is over')));
      return new Promise<never>(() => {});
    };
    await expect(readDirectory({ name: 'crm', read }, true, never)).rejects.toThrow('a minute is over');
  } finally {
    timeout.mockRestore();
  }
});

test.each([
  [{ name: 'crm', read: () => [] }, true],
  [{ name: 'x'.repeat(64), read: () => [] }, true],
  [{ name: 'x'.repeat(65), read: () => [] }, false],
  [{ name: '', read: () => [] }, false],
  [{ name: 'a\nb', read: () => [] }, false],
  [{ name: 7, read: () => [] }, false],
  [{ name: 'crm' }, false],
  [null, false],
])('F2: %p is a directory: %p', (directory, isOne) => {
  const check = expect(() => checkedDirectory(directory as unknown as Directory));
  if (isOne) check.not.toThrow();
  else check.toThrow(expect.objectContaining({ code: 'INVALID_CONFIGURATION' }));
});

test.each(Object.entries(hostileValues))('F2: %s among the entries refuses only itself', async (_, make) => {
  const directory: Directory = { name: 'crm', read: () => [{ id: 'acme' }, make() as never, { id: 'beta' }] };
  const { tenants, refused } = await readDirectory(directory, true, new AbortController().signal);
  expect([...tenants.keys()]).toEqual(['acme', 'beta']);
  expect(refused).toEqual([{ id: undefined, problem: expect.any(String) }]);
});

test("F2: a directory's name is read once, so a name that throws later does no harm", async () => {
  let reads = 0;
  const checked = checkedDirectory({
    get name() {
      if (reads++ > 0) throw new Error('no name any more');
      return 'crm';
    },
    read: () => [{ id: 'acme' }],
  });
  const { tenants } = await readDirectory(checked, true, new AbortController().signal);
  expect(tenants.get('acme')?.definition.tags).toEqual({ directory: 'crm' });
});
