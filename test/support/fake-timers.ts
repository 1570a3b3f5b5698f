/**
 * Before each test of the block: timers and `performance.now()` go on only when the test says so, with what is returned.
 * Everything else is real, the databases' clocks too.
 *
 * For tests in which a lease must be kept: on a busy machine a process may stand still for longer than a short lease
 * lasts, and then it rightly loses it (L4).
 */
export function fakeTimers(): (ms: number) => Promise<void> {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['Date', 'setImmediate', 'nextTick', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });
  return (ms) => jest.advanceTimersByTimeAsync(ms);
}
