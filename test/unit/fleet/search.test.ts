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
import { countAll, findPage } from '../../../src/fleet/messages/search.ts';

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
