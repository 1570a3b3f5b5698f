import type { BeginRequest, BeginResult, WorkQueue } from '../../../src/engine/work-queue.ts';
import { beginRun } from '../../../src/queue/begin-call.ts';
import { HandlerSet } from '../../../src/queue/handler-set.ts';
import { LoopBlocks } from '../../../src/queue/loop-blocks.ts';
import { Rooms } from '../../../src/queue/rooms.ts';
import { mostPurgedAtOnce } from '../../../src/queue/settle-call.ts';
import { RunTally } from '../../../src/queue/tally.ts';
import { loadSettings } from '../../../src/settings.ts';

const { dispatch, retention } = loadSettings({}, {});

const idle = {
  status: 'idle' as const,
  messages: [],
  more: false,
  throttled: false,
  onlySolo: false,
  nextDueInMs: null,
  nowUtc: new Date(0),
  parked: { topics: [], more: false },
};

/** Begins a run at a queue that gives these answers. */
function begin(
  answers: BeginResult[],
  options: { signal?: AbortSignal; changed?: AbortSignal; onCall?: (request: BeginRequest) => unknown } = {},
) {
  const { signal, changed, onCall } = options;
  const queue: Pick<WorkQueue, 'begin'> = {
    begin: async (request) => {
      await onCall?.(request);
      return answers.shift()!;
    },
  };
  const handlers = new HandlerSet([]);
  const rest = { owner: 'host-1', context: 'test', dispatch, retention, signal, changed };
  return beginRun({ queue: queue as WorkQueue, handlers, ...rest }, new Rooms(handlers, dispatch), {
    tally: new RunTally(),
    blocks: new LoopBlocks(),
  });
}

test('Q6: the recovered messages of all calls of a begin count', async () => {
  const answers: BeginResult[] = [
    { ...idle, recovered: 2, purged: mostPurgedAtOnce },
    { ...idle, recovered: 1, purged: 1 },
    { ...idle, recovered: 0, purged: 0 },
  ];
  const { begun, isPurgeLeft } = await begin(answers);
  expect(answers).toEqual([]);
  expect(begun).toMatchObject({ status: 'idle', recovered: 3, purged: 0 });
  expect(isPurgeLeft).toBe(false);
});

test('Q12, F2: a run whose tenant has changed removes no further Done messages', async () => {
  const changed = new AbortController();
  const answers = [1, 2].map((recovered) => ({ ...idle, recovered, purged: mostPurgedAtOnce }));
  const { begun, isPurgeLeft } = await begin(answers, {
    changed: changed.signal,
    onCall: () => changed.abort(),
  });
  expect(begun).toMatchObject({ recovered: 1 });
  expect(isPurgeLeft).toBe(true);
  expect(answers).toHaveLength(1);
});

describe('Q12: how many messages a call removes', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  /** Returns the limits of a run whose calls take the given milliseconds beside the round trip. */
  async function limitsOf(locked: readonly number[], roundTripMs: number): Promise<number[]> {
    const limits: number[] = [];
    const answers = locked.map((_, call) => ({
      ...idle,
      recovered: 0,
      purged: call === locked.length - 1 ? 0 : mostPurgedAtOnce,
    }));
    const onCall = ({ retention: asked }: BeginRequest) => {
      const ms = roundTripMs + locked[limits.length]!;
      limits.push(asked!.limit);
      return new Promise((resolve) => setTimeout(resolve, ms));
    };
    const began = begin(answers, { onCall });
    await jest.advanceTimersByTimeAsync(10_000);
    await expect(began).resolves.toMatchObject({ isPurgeLeft: false });
    return limits;
  }

  test.each([1, 60])(
    'Q12: fewer after one that held its locks for long, and more again after a short one (round trip %p ms)',
    async (roundTripMs) => {
      const locked = [5, 0, 51, 51, 51, 51, 51, 30, 5, 5, 5, 5, 0];
      const limits = [1_000, 1, 1_000, 500, 250, 125, 100, 100, 100, 200, 400, 800, 1_000];
      expect(await limitsOf(locked, roundTripMs)).toEqual(limits);
    },
  );

  test('Q12: the first call, which may log in, does not count', async () => {
    expect(await limitsOf([900, 0, 5, 5], 1)).toEqual([1_000, 1, 1_000, 1_000]);
  });
});

describe('Q12: the pause between two calls', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const full = () => ({ ...idle, recovered: 1, purged: mostPurgedAtOnce });
  const lasting = (ms: number) => () => new Promise((resolve) => setTimeout(resolve, ms));

  test.each(['signal', 'changed'] as const)(
    'Q5, Q12, F2: %s ends it, and the run begins no further call',
    async (name) => {
      const stop = new AbortController();
      const answers = [full(), full()];
      const began = begin(answers, { [name]: stop.signal, onCall: lasting(2_000) });
      await jest.advanceTimersByTimeAsync(3_000);
      expect([answers.length, jest.getTimerCount()]).toEqual([1, 1]);
      stop.abort();
      await expect(began).resolves.toMatchObject({
        begun: { status: 'idle', recovered: 1 },
        isPurgeLeft: true,
      });
      expect([answers.length, jest.getTimerCount()]).toEqual([1, 0]);
    },
  );

  test('Q12: a run does not wait for a call that it may not begin', async () => {
    const answers = [full(), full()];
    const began = begin(answers, { onCall: lasting(4_000) });
    await jest.advanceTimersByTimeAsync(4_000);
    expect([answers.length, jest.getTimerCount()]).toEqual([1, 0]);
    await expect(began).resolves.toMatchObject({ isPurgeLeft: true });
  });

  test('Q12: without a signal it ends by itself, and the next call begins', async () => {
    const answers = [full(), { ...full(), purged: 0 }];
    const stops = { signal: new AbortController().signal, changed: new AbortController().signal };
    const began = begin(answers, { ...stops, onCall: lasting(2_000) });
    await jest.advanceTimersByTimeAsync(6_000);
    expect([answers.length, jest.getTimerCount()]).toEqual([0, 0]);
    await expect(began).resolves.toMatchObject({ begun: { recovered: 2 }, isPurgeLeft: false });
  });
});
