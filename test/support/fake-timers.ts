/**
 * Stops timers and `performance.now()` before each test of the block; they advance only through the returned function.
 * Everything else is real, the databases' clocks included.
 *
 * Use it for tests in which a lease must be kept. On a busy machine a process may stand still for longer than a short
 * lease lasts; it then rightly loses the lease (L4).
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
