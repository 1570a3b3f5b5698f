import type {
  FindPart,
  FoundMessage,
  MessageAct,
  MessageFilter,
  MessageTarget,
} from '../../../src/engine/message-search.ts';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { actOnAll, filterOfAct } from '../../../src/fleet/messages/act-on-all.ts';

/** A queue whose search finds pages of the given sizes; every message is changed. */
function scene(...sizes: number[]) {
  const asked: { filter: MessageFilter; part: FindPart }[] = [];
  const acted: number[] = [];
  let sequence = 0;
  const queue = {
    find: async (filter: MessageFilter, part: FindPart) => {
      asked.push({ filter, part });
      const size = sizes.shift() ?? 0;
      const messages = Array.from({ length: size }, () => ({ sequence: ++sequence }) as FoundMessage);
      return {
        messages,
        examined: part.examine,
        next: sizes.length === 0 ? null : { sequence, settledMs: 7 },
      };
    },
    act: async (_act: unknown, targets: readonly MessageTarget[]) => {
      acted.push(targets.length);
      return targets.map(({ sequence: each }) => `${each}`);
    },
  } as unknown as WorkQueue;
  return { queue, asked, acted };
}

test('Q13, S3: batches follow one another, also over a part without a match, and each begins where the last one ended', async () => {
  const { queue, asked } = scene(1_000, 0, 3);
  expect(await actOnAll(queue, { do: 'replay' }, { topic: 'orders' })).toBe(1_003);
  expect(asked.map(({ part }) => part.after)).toEqual([
    undefined,
    { sequence: 1_000, settledMs: 7 },
    { sequence: 1_000, settledMs: 7 },
  ]);
});

test('S3: messages that died since the count are left alone, in every batch', async () => {
  const { queue, asked } = scene(1_000, 1);
  const since = [1, 5_000];
  await actOnAll(queue, { do: 'replay' }, {}, undefined, () => since.shift()!);
  expect(asked[0]!.filter).toEqual({ states: ['dead'], olderThanMs: 0 });
  // Less by what clocks round.
  expect(asked[1]!.filter.olderThanMs).toBe(4_998);
});

test('S3: a caller’s own age counts when it is the greater one, and other states have none', async () => {
  const olderOf = async (act: MessageAct, filter: MessageFilter) => {
    const { queue, asked } = scene(1);
    await actOnAll(queue, act, filter, undefined, () => 5_000);
    return asked[0]!.filter.olderThanMs;
  };
  expect(await olderOf({ do: 'replay' }, { olderThanMs: 10_000 })).toBe(10_000);
  expect(await olderOf({ do: 'replay' }, { olderThanMs: 1_000 })).toBe(4_998);
  expect(await olderOf({ do: 'cancel', reason: 'r' }, {})).toBeUndefined();
  expect(await olderOf({ do: 'cancel', reason: 'r' }, { states: ['dead'] })).toBe(4_998);
});

describe('with a clock that the test moves (S3)', () => {
  let now = 1_000_000;
  beforeEach(() => {
    jest.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  test('S3: without the time of a count, that of the call is the start', async () => {
    const { queue, asked } = scene(1_000, 1);
    await actOnAll(queue, { do: 'replay' }, {}, async () => {
      now += 5_000;
      return true;
    });
    expect(asked.map(({ filter }) => filter.olderThanMs)).toEqual([0, 4_998]);
  });

  test('S3: a search without a match reports every two seconds, so that it can be ended', async () => {
    const { queue, asked, acted } = scene(0, 0, 0, 0, 0, 0);
    const { find } = queue;
    queue.find = (...given) => {
      now += 1_000;
      return find(...given);
    };
    const batches: number[] = [];
    const changed = await actOnAll(queue, { do: 'replay' }, {}, async (count) => {
      batches.push(count);
      return false;
    });
    // The third call looks whether anything is left.
    expect(asked.map(({ part }) => part.limit)).toEqual([1_000, 1_000, 0]);
    expect([changed, batches, acted]).toEqual([0, [0], []]);
  });
});

test('S3: a batch can be the last one', async () => {
  const { queue, asked } = scene(1_000, 1_000, 1_000);
  const batches: number[] = [];
  const changed = await actOnAll(queue, { do: 'discard' }, {}, async (count) => {
    batches.push(count);
    return batches.length < 2;
  });
  expect([changed, batches, asked.length]).toEqual([2_000, [1_000, 1_000], 2]);
});

test('S3: a search of an act waits for the calls that have locked messages, and reads payloads in small parts', async () => {
  const { queue, asked } = scene(0, 0, 1);
  expect(await actOnAll(queue, { do: 'discard' }, { payloadText: 'x' })).toBe(1);
  expect(asked.map(({ part }) => part.waits)).toEqual([true, true, true]);
  expect(asked[0]!.part.examine).toBeLessThanOrEqual(100);
  for (const { part } of asked) expect(part.examineBytes).toBeLessThanOrEqual(2 ** 25);
});

test('S3: an act is on messages in its states only', async () => {
  expect(filterOfAct({ do: 'cancel', reason: 'r' }, {}).states).toEqual(['ready', 'dead']);
  expect(filterOfAct({ do: 'cancel', reason: 'r' }, { states: ['dead', 'done'] }).states).toEqual(['dead']);
  const { queue, asked } = scene(1);
  expect(await actOnAll(queue, { do: 'reschedule', delayMs: 0 }, { states: ['dead'] })).toBe(0);
  expect(asked).toEqual([]);
});
