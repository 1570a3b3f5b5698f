import { lateWorkListener } from '../../../src/engine/late-work.ts';
import { LoopBlocks } from '../../../src/queue/loop-blocks.ts';
import { type BeatingRun, loopPulse } from '../../../src/queue/loop-pulse.ts';

/** Milliseconds by which the process stood still: the clock went on, and no timer fired. */
let blockedMs = 0;

function block(ms: number): void {
  blockedMs += ms;
}

beforeEach(() => {
  jest.useFakeTimers();
  const now = performance.now.bind(performance);
  jest.spyOn(performance, 'now').mockImplementation(() => now() + blockedMs);
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe('what blocked the event loop for longest (D7)', () => {
  test('D7: blocks of less than 50 ms are not reported; of several, the longest is, in whole milliseconds', () => {
    const blocks = new LoopBlocks();
    for (const ms of [0, 49.75]) blocks.noticed('short', ms);
    expect(blocks.longest).toBeUndefined();
    blocks.noticed('first', 50);
    blocks.noticed('second', 50);
    expect(blocks.longest).toEqual({ topic: 'first', ms: 50, measured: false });
    blocks.noticed('third', 70.75);
    blocks.noticed('fourth', 60);
    expect(blocks.longest).toEqual({ topic: 'third', ms: 71, measured: false });
  });

  test('D7: handlers called one after another make one block, of the topic that took longest', () => {
    const blocks = new LoopBlocks();
    for (const [topic, ms] of [
      ['a', 15],
      ['b', 20],
      ['a', 15],
    ] as const)
      call(blocks, topic, ms);
    expect(blocks.longest).toBeUndefined();
    blocks.paused();
    expect(blocks.longest).toEqual({ topic: 'a', ms: 50, measured: true });
  });

  test('D7: of two topics that took equally long, the first is named; a later one that took longer is', () => {
    const [equal, later] = [new LoopBlocks(), new LoopBlocks()];
    for (const topic of ['a', 'b']) call(equal, topic, 40);
    equal.paused();
    expect(equal.longest).toMatchObject({ topic: 'a', ms: 80 });
    call(later, 'a', 10);
    call(later, 'b', 40);
    later.paused();
    expect(later.longest).toMatchObject({ topic: 'b', ms: 50 });
  });

  test('D7: what came before a pause is another block', () => {
    const blocks = new LoopBlocks();
    blocks.paused();
    for (let n = 0; n < 2; n++) {
      call(blocks, 'a', 49);
      blocks.paused();
    }
    expect(blocks.longest).toBeUndefined();
  });

  test('D7: the synchronous part of a database call, and what it does once a lock is free', async () => {
    const blocks = new LoopBlocks();
    const call = async (ms: number, lateMs: number) => {
      const tell = lateWorkListener()!;
      block(ms);
      await Promise.resolve();
      tell(lateMs);
      return 'answer';
    };
    expect(await blocks.database(() => call(50, 0))).toBe('answer');
    expect(blocks.longest).toEqual({ topic: null, ms: 50, measured: true });
    await blocks.database(() => call(0, 90));
    expect(blocks.longest).toEqual({ topic: null, ms: 90, measured: true });
    const throwing = () => {
      block(120);
      throw new Error('closed');
    };
    expect(() => blocks.database(throwing)).toThrow('closed');
    expect(blocks.longest).toMatchObject({ ms: 120 });
  });

  test('D7: a block that is recorded is not noticed again by the pulse, a short one is', () => {
    const blocks = new LoopBlocks();
    loopPulse.recorded();
    block(49 + 20);
    blocks.ended('orders', performance.now());
    expect(blocks.longest).toBeUndefined();
    block(1);
    blocks.ended('orders', performance.now());
    expect(blocks.longest).toEqual({ topic: 'orders', ms: 50, measured: false });
    expect(loopPulse.blockedAt(performance.now())).toBe(0);
    block(20);
    call(blocks, 'sync', 60);
    blocks.paused();
    expect(loopPulse.blockedAt(performance.now())).toBe(0);
  });
});

/** Blocks the loop as a handler does. */
function call(blocks: LoopBlocks, topic: string, ms: number): void {
  block(ms);
  blocks.called(topic, ms);
}

describe('the pulse that all runs share (D7)', () => {
  function beating(...topics: string[]) {
    const noticed: [topic: string, ms: number][] = [];
    const run: BeatingRun = {
      topics: () => topics,
      onBlocked: (topic, ms) => noticed.push([topic, ms]),
    };
    return { run, topics, noticed };
  }

  /** Blocks the event loop for so long that the beat which is due next is late by `ms`. */
  function lateBeat(ms: number): void {
    block(ms);
    jest.advanceTimersByTime(20);
  }

  test('D7: the only attempt of the process is responsible for a late beat; beats in time say nothing', () => {
    const one = beating('orders');
    loopPulse.enter(one.run);
    jest.advanceTimersByTime(100);
    expect(one.noticed).toEqual([]);
    lateBeat(130);
    lateBeat(1);
    expect(one.noticed).toEqual([
      ['orders', 130],
      ['orders', 1],
    ]);
    loopPulse.leave(one.run);
  });

  test('D7: with several attempts in flight, or none, no topic is named', () => {
    const [one, other] = [beating('orders'), beating()];
    loopPulse.enter(one.run);
    loopPulse.enter(other.run);
    other.topics.push('mails');
    lateBeat(130);
    one.topics.push('orders');
    other.topics.pop();
    lateBeat(130);
    one.topics.length = 0;
    lateBeat(130);
    expect([...one.noticed, ...other.noticed]).toEqual([]);
    other.topics.push('mails');
    lateBeat(60);
    expect([one.noticed, other.noticed]).toEqual([[], [['mails', 60]]]);
    for (const { run } of [one, other]) loopPulse.leave(run);
  });

  test('D7: it beats from the first run that enters until the last one has left, with one timer', () => {
    const [one, other] = [beating('orders'), beating()];
    loopPulse.enter(one.run);
    block(130);
    loopPulse.enter(other.run);
    expect(jest.getTimerCount()).toBe(1);
    expect(loopPulse.blockedAt(performance.now())).toBe(110);
    loopPulse.leave(other.run);
    expect(jest.getTimerCount()).toBe(1);
    lateBeat(0);
    expect(one.noticed).toEqual([['orders', 130]]);
    loopPulse.leave(one.run);
    expect(jest.getTimerCount()).toBe(0);
    // The time in which nothing was in flight is no block.
    block(5_000);
    loopPulse.enter(one.run);
    expect(loopPulse.blockedAt(performance.now())).toBe(0);
    expect(jest.getTimerCount()).toBe(1);
    lateBeat(70);
    expect(one.noticed.at(-1)).toEqual(['orders', 70]);
    loopPulse.leave(one.run);
  });

  test('F8: its timer does not keep the process running', () => {
    jest.useRealTimers();
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const { run } = beating();
    loopPulse.enter(run);
    expect(timers()).toBe(before);
    loopPulse.leave(run);
  });
});
