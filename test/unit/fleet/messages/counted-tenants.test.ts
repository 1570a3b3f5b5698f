/** S3: the tenants of an operation, and how many of their messages match. */
import type { SearchPart } from '../../../../src/engine/message-search.ts';
import type { Registry } from '../../../../src/engine/registry.ts';
import type { WorkQueue } from '../../../../src/engine/work-queue.ts';
import { countInTenants, sorted, sumOf, tenantsOf } from '../../../../src/fleet/messages/counted-tenants.ts';
import { tenantRecord } from '../../../support/candidate.ts';
import { deferred, turns } from '../../../support/deferred.ts';

/** Tenants whose queues count so many messages; a text is the error of a tenant that cannot be read. */
function access(
  counts: Record<string, number | string>,
  onUse: (id: string) => Promise<void> = async () => {},
) {
  return {
    async useQueue<T>(id: string, _queue: unknown, work: (opened: WorkQueue) => Promise<T>): Promise<T> {
      await onUse(id);
      const count = counts[id]!;
      if (typeof count === 'string') throw new Error(count);
      return work({ count: async () => ({ count, examined: count, next: null }) } as unknown as WorkQueue);
    },
  };
}

describe('the tenants of an operation (S3)', () => {
  const registry = {
    list: async () =>
      [
        ['cedar', 'active'],
        ['acme', 'paused'],
        ['birch', 'retired'],
      ].map(([id, status]) => tenantRecord(id!, { status: status as 'active' })),
  } as unknown as Registry;

  test('S3: are those that are given, each once and in order', async () => {
    expect(await tenantsOf(registry, ['z', 'a', 'z', 'm'])).toEqual(['a', 'm', 'z']);
    expect(await tenantsOf(registry, [])).toEqual([]);
  });

  test('S3: or all that are not retired, in order', async () => {
    expect(await tenantsOf(registry, null)).toEqual(['acme', 'cedar']);
  });
});

describe('the count of an operation (S3)', () => {
  test('S3, D8: it names the tenants with matching messages, and those that could not be read, by id', async () => {
    const ids = ['acme', 'birch', 'cedar', 'dune', 'elm'];
    const counts = access({ acme: 1, birch: 0, cedar: 'away', dune: 3, elm: 'locked' });
    const progress: unknown[] = [];
    const counted = await countInTenants(counts, ids, 'outbox', {}, (...of) => progress.push(of));
    expect(counted).toEqual({
      counted: 4,
      atLeast: false,
      tenants: [
        { tenantId: 'acme', count: 1, atLeast: false },
        { tenantId: 'dune', count: 3, atLeast: false },
      ],
      failures: [
        { tenantId: 'cedar', code: 'INTERNAL', message: expect.stringContaining('away') },
        { tenantId: 'elm', code: 'INTERNAL', message: expect.stringContaining('locked') },
      ],
    });
    expect(progress).toEqual([1, 2, 3, 4, 5].map((done) => [done, 5]));
  });

  test('S3: at most eight tenants are read at once', async () => {
    const ids = Array.from({ length: 10 }, (_, n) => `t${n}`);
    const gate = deferred();
    const used: string[] = [];
    const counts = access(Object.fromEntries(ids.map((id) => [id, 1])), (id) => {
      used.push(id);
      return gate.promise;
    });
    const counting = countInTenants(counts, ids, 'outbox', {});
    await turns();
    expect(used).toHaveLength(8);
    gate.resolve();
    expect(await counting).toMatchObject({ counted: 10 });
  });

  /** A queue without an end, of which each call examines so many messages, and takes so long. */
  async function endless(examined: number, ms: number) {
    let now = 1_000;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    let parts = 0;
    const next = { sequence: 1, settledMs: null };
    const queue = {
      async count(_: unknown, { waits }: SearchPart) {
        expect(waits).toBe(true);
        parts++;
        now += ms;
        return { count: 0, examined, next };
      },
      find: async () => ({ messages: [], examined: 1, next }),
    } as unknown as WorkQueue;
    try {
      const use = {
        useQueue: async (_id: string, _queue: unknown, work: (q: WorkQueue) => unknown) => work(queue),
      };
      const counted = await countInTenants(
        use as Parameters<typeof countInTenants>[0],
        ['acme'],
        'outbox',
        {},
      );
      return { parts, counted };
    } finally {
      jest.restoreAllMocks();
    }
  }

  test('S3: that of one tenant ends after a minute, or after a thousand million messages: there may be more', async () => {
    const atLeast = {
      counted: 0,
      atLeast: true,
      tenants: [{ tenantId: 'acme', count: 0, atLeast: true }],
      failures: [],
    };
    expect(await endless(1, 20_000)).toEqual({ parts: 3, counted: atLeast });
    expect(await endless(250_000_000, 1)).toEqual({ parts: 4, counted: atLeast });
  });
});

test('S3: a sum is at least that much if one of its counts is', () => {
  const of = (count: number, atLeast: boolean) => ({ tenantId: 't', count, atLeast });
  expect(sumOf([])).toEqual({ counted: 0, atLeast: false });
  expect(sumOf([of(1, true), of(2, false)])).toEqual({ counted: 3, atLeast: true });
});

test('S3: failures are sorted by their tenants, and the given list stays as it is', () => {
  const given = ['c', 'a', 'b'].map((tenantId) => ({ tenantId, code: 'INTERNAL', message: '' }));
  expect(sorted(given).map(({ tenantId }) => tenantId)).toEqual(['a', 'b', 'c']);
  expect(given.map(({ tenantId }) => tenantId)).toEqual(['c', 'a', 'b']);
});
