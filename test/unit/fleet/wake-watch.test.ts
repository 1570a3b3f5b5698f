import type { Registry } from '../../../src/engine/registry.ts';
import { WakeWatch } from '../../../src/fleet/wake-watch.ts';
import { deferred } from '../../support/deferred.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

const intervalMs = 1_000;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

/** A registry that says, at each look, what `woken` says. */
function watching({
  woken = async () => false,
  notifies = false,
  opens = async () => {},
  lookWithinMs = intervalMs,
} = {}) {
  const start = performance.now();
  const looks: number[] = [];
  const logger = recordingLogger();
  const notify: (() => void)[] = [];
  let found = 0;
  let opened = 0;
  let ended = 0;
  const registry = {
    hasWoken() {
      looks.push(performance.now() - start);
      return woken();
    },
    ...(notifies && {
      onWake(listener: () => void) {
        notify.push(listener);
        return () => {
          ended++;
          notify.splice(notify.indexOf(listener), 1);
        };
      },
    }),
  } as unknown as Registry;
  const watch = new WakeWatch({
    registry() {
      opened++;
      return opens().then(() => registry);
    },
    onDue: () => found++,
    intervalMs: lookWithinMs,
    logger,
  });
  const counts = () => ({ opened, ended });
  return { watch, looks, notify, logger, found: () => found, counts };
}

describe('a registry that notifies', () => {
  test('F7: is asked when it has told of a wake, and at no other time', async () => {
    const one = watching({ notifies: true, woken: async () => true });
    const end = one.watch.add();
    await pass(0);
    one.watch.active();
    await pass(10 * intervalMs);
    expect([one.looks.length, one.found(), jest.getTimerCount()]).toEqual([0, 0, 0]);
    one.notify[0]!();
    await pass(0);
    expect([one.looks.length, one.found()]).toEqual([1, 1]);
    end();
    expect(one.notify).toEqual([]);
  });

  test('F7: is asked once more, however often it tells while it is asked', async () => {
    const slow = deferred();
    const one = watching({ notifies: true, woken: () => slow.promise.then(() => false) });
    const end = one.watch.add();
    await pass(0);
    for (let times = 0; times < 5; times++) one.notify[0]!();
    slow.resolve();
    await pass(0);
    expect([one.looks.length, one.found()]).toEqual([2, 0]);
    end();
  });

  test('F7: is watched once for all hosts, until the last of them ends', async () => {
    const one = watching({ notifies: true });
    const ends = [one.watch.add(), one.watch.add()];
    await pass(0);
    expect(one.notify).toHaveLength(1);
    ends[0]!();
    ends[0]!();
    expect(one.notify).toHaveLength(1);
    ends[1]!();
    expect(one.notify).toEqual([]);
    const again = one.watch.add();
    await pass(0);
    expect(one.notify).toHaveLength(1);
    again();
  });

  test('F7: is not watched if the host has ended before it was opened', async () => {
    const opening = deferred();
    const one = watching({ notifies: true, opens: () => opening.promise });
    one.watch.add()();
    opening.resolve();
    await pass(0);
    expect(one.notify).toEqual([]);
  });
});

describe('a registry that cannot notify', () => {
  test('F7: is asked soon after this process was active, then less and less; an idle process asks nothing', async () => {
    const one = watching();
    const end = one.watch.add();
    await pass(5 * intervalMs);
    expect(one.looks).toEqual([]);
    one.watch.active();
    await pass(5 * intervalMs);
    expect(one.looks.map((at) => at - 5 * intervalMs)).toEqual([25, 75, 175, 375, 775, 1_575]);
    one.watch.active();
    await pass(30);
    one.watch.active();
    await pass(30);
    expect(one.looks.slice(6).map((at) => at - 10 * intervalMs)).toEqual([25, 55]);
    end();
    expect(jest.getTimerCount()).toBe(0);
    one.watch.active();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('F7: a look that fails, or finds woken tenants, is followed by the next', async () => {
    const answers = [Promise.reject(new Error('away')), Promise.resolve(true)];
    answers[0]!.catch(() => {});
    const one = watching({ woken: async () => answers.shift() ?? false });
    const end = one.watch.add();
    await pass(0);
    one.watch.active();
    await pass(100);
    expect([one.looks, one.found()]).toEqual([[25, 75], 1]);
    expect(one.logger.lines).toMatchObject([
      { level: 'debug', fields: { error: { message: expect.stringContaining('away') } } },
    ]);
    end();
  });
});

describe('a busy host, and a registry that was away', () => {
  test('F7: runs that end more often than it looks do not put the look off', async () => {
    const one = watching();
    const end = one.watch.add();
    await pass(0);
    for (let ms = 0; ms < 200; ms += 5) {
      one.watch.active();
      await pass(5);
    }
    expect(one.looks.length).toBeGreaterThanOrEqual(5);
    end();
  });

  test('F7: a watch that could not begin begins when messages are dispatched', async () => {
    let isAway = true;
    const opens = async () => {
      if (isAway) throw new Error('away');
    };
    const one = watching({ notifies: true, opens });
    const end = one.watch.add();
    await pass(0);
    expect(one.notify).toEqual([]);
    isAway = false;
    one.watch.active();
    await pass(0);
    expect(one.notify).toHaveLength(1);
    end();
  });
});

describe('what a watch takes from the registry', () => {
  test('F7: the registry is opened once for all hosts, and not by activity while there is no host', async () => {
    const one = watching();
    one.watch.active();
    const ends = [one.watch.add(), one.watch.add()];
    await pass(0);
    for (let times = 0; times < 3; times++) one.watch.active();
    for (const end of ends) end();
    one.watch.active();
    await pass(intervalMs);
    expect(one.counts().opened).toBe(1);
  });

  test('F7: messages that are dispatched while it is opened do not make a second watch', async () => {
    const opening = deferred();
    const one = watching({ notifies: true, opens: () => opening.promise });
    const end = one.watch.add();
    one.watch.active();
    opening.resolve();
    await pass(0);
    expect(one.notify).toHaveLength(1);
    end();
    expect(one.notify).toEqual([]);
  });

  test('F7: notifications are ended once, also when the registry was away for the next host', async () => {
    let isAway = false;
    const opens = async () => {
      if (isAway) throw new Error('away');
    };
    const one = watching({ notifies: true, opens });
    const end = one.watch.add();
    await pass(0);
    end();
    isAway = true;
    const endNext = one.watch.add();
    await pass(0);
    endNext();
    expect(one.counts()).toEqual({ opened: 2, ended: 1 });
  });
});

describe('the looks of a watch', () => {
  test('F7: none is as late as the next plan', async () => {
    const one = watching({ lookWithinMs: 100 });
    const end = one.watch.add();
    await pass(0);
    one.watch.active();
    await pass(intervalMs);
    expect(one.looks).toEqual([25, 75]);
    end();
  });

  test('F7: a host that begins after the last one has ended looks again', async () => {
    const one = watching();
    const end = one.watch.add();
    await pass(0);
    one.watch.active();
    end();
    const endNext = one.watch.add();
    await pass(0);
    one.watch.active();
    await pass(30);
    expect(one.looks).toEqual([25]);
    endNext();
  });

  test('F7: one that is under way when the last host ends is the last one, without an error', async () => {
    const slow = deferred();
    const [timed, told] = [
      watching({ woken: () => slow.promise.then(() => false) }),
      watching({ woken: () => slow.promise.then(() => false), notifies: true }),
    ];
    const ends = [timed.watch.add(), told.watch.add()];
    await pass(0);
    timed.watch.active();
    await pass(25);
    for (let times = 0; times < 2; times++) told.notify[0]!();
    for (const end of ends) end();
    slow.resolve();
    await pass(intervalMs);
    expect([timed.looks.length, told.looks.length, jest.getTimerCount()]).toEqual([1, 1, 0]);
    expect([...timed.logger.lines, ...told.logger.lines]).toEqual([]);
  });
});
