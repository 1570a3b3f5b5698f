/** S3: searches in parts, which end at a bound. */
import type {
  FindPart,
  FoundMessage,
  MessageFilter,
  SearchPart,
} from '../../../src/engine/message-search.ts';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { MultiOutboxError } from '../../../src/errors.ts';
import { countInTenants } from '../../../src/fleet/messages/counted-tenants.ts';
import { countAll, findPage, messagePage } from '../../../src/fleet/messages/search.ts';

const place = (sequence: number) => ({ sequence, settledMs: null });

/**
 * A queue with a message in each place from 1 to `last`. The messages from `lockedFrom` on are being changed by a run, so
 * a search that does not wait skips them.
 */
function scene(last: number, lockedFrom = last + 1) {
  const asked: FindPart[] = [];
  const queue = {
    count: async (_: MessageFilter, part: SearchPart) => {
      const { messages, ...rest } = await queue.find(_, { ...part, limit: part.examine });
      return { ...rest, count: messages.length };
    },
    find: async (_: MessageFilter, part: FindPart) => {
      asked.push(part);
      const end = part.waits ? last : lockedFrom - 1;
      const from = (part.after?.sequence ?? 0) + 1;
      const to = Math.min(from + part.examine - 1, end);
      const messages = [];
      for (let sequence = from; sequence <= to && messages.length < part.limit; sequence++)
        messages.push({ sequence } as FoundMessage);
      return { messages, examined: part.examine, next: to < from + part.examine - 1 ? null : place(to) };
    },
  } as Partial<WorkQueue> as WorkQueue;
  return { queue, asked };
}

const atOnce = { examine: 1_000_000, timeoutMs: 0, limit: 1_000_000, after: null };

test.each([
  ['time', atOnce],
  ['examined', { ...atOnce, timeoutMs: 60_000, examine: 5_000 }],
] as const)(
  'S3: a search that waits and is cut by its bound (%s) goes on at the messages that a run has locked',
  async (cut, bounds) => {
    const { queue } = scene(5_001, 5_001);
    const page = await findPage(queue, {}, { ...bounds, waits: true });
    expect(page).toMatchObject({ cut, next: place(5_000) });
  },
);

test('S3: a search that ends just at its bound was not cut', async () => {
  const { queue } = scene(5_000);
  expect(await findPage(queue, {}, { ...atOnce, waits: true })).toMatchObject({ cut: null, next: null });
  expect(await findPage(queue, {}, atOnce)).toMatchObject({ cut: null, next: null });
});

test('S3: a part that is cut by its bytes is followed by one of about as many messages, and not by a larger one', async () => {
  const parts: number[] = [];
  const queue = {
    // Contents are large up to the message 64, and small behind it.
    find: async (_: MessageFilter, { examine, after }: FindPart) => {
      parts.push(examine);
      const from = after?.sequence ?? 0;
      const examined = from < 64 ? Math.min(examine, 4) : examine;
      return { messages: [], examined, next: from > 10_000 ? null : place(from + examined) };
    },
  } as unknown as WorkQueue;
  await findPage(queue, { payloadText: 'x' }, { ...atOnce, timeoutMs: 60_000 });
  const whileLarge = parts.slice(1, 16);
  expect(whileLarge).toEqual(whileLarge.map(() => 8));
  expect(Math.max(...parts.slice(16))).toBeGreaterThan(1_000);
});

test('S3: the count of an act waits for the messages that a run has locked, and other counts do not', async () => {
  const { queue } = scene(7, 5);
  const access = {
    useQueue: async <T>(_id: string, _queue: unknown, work: (opened: WorkQueue) => Promise<T>) => work(queue),
  };
  expect(await countInTenants(access, ['acme'], 'outbox', {})).toMatchObject({ counted: 7, atLeast: false });
  expect(await countAll(queue, {}, atOnce)).toEqual({ count: 4, cut: null });
});

test('S3: a count whose wait takes too long says that there are as many messages or more', async () => {
  const { queue } = scene(6_000);
  const locked = new MultiOutboxError('DATABASE_LOCKED', 'the call waited too long', { transient: true });
  const { count } = queue;
  let parts = 0;
  queue.count = (...given) => (++parts > 1 ? Promise.reject(locked) : count(...given));
  const bounds = { ...atOnce, timeoutMs: 60_000 };
  expect(await countAll(queue, {}, { ...bounds, waits: true })).toEqual({ count: 5_000, cut: 'time' });
  await expect(countAll(queue, {}, bounds)).rejects.toBe(locked);
});

describe('the parts of a search (S3)', () => {
  let now = 0;
  beforeEach(() => {
    now = 1_000;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  /** The sizes of the parts of a search without an end, whose calls take these milliseconds. */
  async function sizes(filter: MessageFilter, times: number[], bounds: Partial<typeof atOnce> = {}) {
    const parts: FindPart[] = [];
    const queue = {
      async find(_: MessageFilter, part: FindPart) {
        if (part.limit > 0) parts.push(part);
        now += times.shift() ?? 0;
        const next = times.length === 0 ? null : place(parts.length);
        return { messages: [], examined: part.examine, next };
      },
    } as unknown as WorkQueue;
    await findPage(queue, filter, { ...atOnce, timeoutMs: 60_000, examine: 10_000_000, ...bounds });
    return { sizes: parts.map(({ examine }) => examine), parts };
  }

  test('S3: a part of 5,000 messages is the first, one of 20 where payloads are searched', async () => {
    expect((await sizes({}, [0])).sizes).toEqual([5_000]);
    const { parts } = await sizes({ payloadText: 'x' }, [0]);
    expect(parts).toEqual([
      { examine: 20, examineBytes: 16 * 1_024 * 1_024, limit: 1_000_000, waits: false },
    ]);
  });

  test('S3: a part that took less than 50 ms is followed by one of twice its size, up to 20,000 messages', async () => {
    expect((await sizes({}, [49, 49, 49, 49])).sizes).toEqual([5_000, 10_000, 20_000, 20_000]);
    expect((await sizes({}, [50, 50, 50])).sizes).toEqual([5_000, 5_000, 5_000]);
  });

  test('S3: a part that took more than 200 ms is followed by one of half its size', async () => {
    expect((await sizes({}, [200, 200])).sizes).toEqual([5_000, 5_000]);
    expect((await sizes({}, [201, 201, 201])).sizes).toEqual([5_000, 2_500, 1_250]);
    const slow = Array.from({ length: 7 }, () => 201);
    expect((await sizes({ payloadText: 'x' }, slow)).sizes).toEqual([20, 10, 5, 2, 1, 1, 1]);
  });

  test('S3: each part begins where the last one ended, and none is larger than what is left', async () => {
    const { parts } = await sizes({}, [0, 0, 0], { examine: 16_000 });
    expect(parts.map(({ examine, after }) => [examine, after])).toEqual([
      [5_000, undefined],
      [10_000, place(1)],
      [1_000, place(2)],
    ]);
    expect(parts[0]).not.toHaveProperty('after');
    const from = await sizes({}, [0], { after: place(7) as never });
    expect(from.parts[0]!.after).toEqual(place(7));
  });

  test('S3: no part follows once the time is over, from its very millisecond', async () => {
    expect((await sizes({}, [100, 99, 1, 0], { timeoutMs: 200 })).sizes).toHaveLength(3);
    expect((await sizes({}, [100, 100, 0], { timeoutMs: 200 })).sizes).toHaveLength(2);
  });

  test('S3: the look behind a bound leaves out nothing that the search waits for, and returns nothing', async () => {
    const { queue, asked } = scene(5_001);
    await findPage(queue, {}, { ...atOnce, waits: true });
    expect(asked.at(-1)).toEqual({ limit: 0, examine: 1, after: place(5_000), waits: true });
  });
});

test('S3: a page ends when it is full, and the next one begins behind its last message', async () => {
  const { queue, asked } = scene(20_000);
  const bounds = { ...atOnce, timeoutMs: 60_000, limit: 7_000 };
  const { find } = queue;
  // A part finds fewer messages than it examines.
  queue.find = async (filter, part) => {
    const found = await find(filter, part);
    return { ...found, messages: found.messages.slice(0, 4_000) };
  };
  const page = await findPage(queue, {}, bounds);
  expect(page.messages).toHaveLength(7_000);
  expect(asked.map(({ limit }) => limit)).toEqual([7_000, 3_000]);
  expect(page.cut).toBeNull();
});

test('S3: an error that is not about a wait fails a count that waits', async () => {
  const { queue } = scene(1);
  const away = new MultiOutboxError('DATABASE_UNREACHABLE', 'away');
  queue.count = () => Promise.reject(away);
  await expect(countAll(queue, {}, { ...atOnce, waits: true })).rejects.toBe(away);
});

test('S3: a page is plain JSON; its cursor is that of its place, or null at the end', () => {
  const found = {
    ...{ messageId: 'm1', status: 3, endReason: null, blocked: false, topic: 'orders', sequence: 9 },
    ...{
      enqueuedUtc: new Date(1),
      dueUtc: new Date(2),
      settledUtc: new Date(3),
      contentBytes: 4,
      version: 'v',
    },
  } as unknown as FoundMessage;
  const { messages, cursor, cut } = messagePage(
    'acme',
    'outbox',
    {},
    { messages: [found], next: place(9), cut: 'time' },
  );
  expect([cursor, cut]).toEqual(['all.9.', 'time']);
  expect(messages).toMatchObject([
    {
      tenantId: 'acme',
      queue: 'outbox',
      state: 'dead',
      sequence: '9',
      enqueuedUtc: new Date(1).toISOString(),
      dueUtc: new Date(2).toISOString(),
      settledUtc: new Date(3).toISOString(),
      unreadable: null,
      contentBytes: 4,
      version: 'v',
    },
  ]);
  const waiting = { ...found, settledUtc: null };
  const last = messagePage('acme', 'outbox', {}, { messages: [waiting], next: null, cut: null });
  expect([last.cursor, last.messages[0]!.settledUtc]).toEqual([null, null]);
});
