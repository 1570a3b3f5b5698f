import { Refresh, refreshRetryMs } from '../../../../src/fleet/tenants/refresh.ts';

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
});
afterEach(() => {
  jest.useRealTimers();
});

/** A refresh whose next results are given. Returns how often the work ran. */
function scene(refreshMs: number, ...results: boolean[]) {
  let runs = 0;
  const refresh = new Refresh({ refreshMs }, async () => results[runs++] ?? true);
  const ask = async () => {
    await refresh.startIfDue();
    return runs;
  };
  return { refresh, ask };
}

test('F2: it is due at once, then after the interval, from its very millisecond', async () => {
  const { ask } = scene(10_000);
  expect(await ask()).toBe(1);
  jest.advanceTimersByTime(9_999);
  expect(await ask()).toBe(1);
  jest.advanceTimersByTime(1);
  expect(await ask()).toBe(2);
});

test.each([
  [10_000, refreshRetryMs],
  [1_000, 1_000],
])(
  'F2: after a failure it is due sooner: with an interval of %p ms after %p ms',
  async (refreshMs, retryMs) => {
    const { ask } = scene(refreshMs, false);
    expect(await ask()).toBe(1);
    jest.advanceTimersByTime(retryMs - 1);
    expect(await ask()).toBe(1);
    jest.advanceTimersByTime(1);
    expect(await ask()).toBe(2);
    jest.advanceTimersByTime(retryMs - 1);
    expect(await ask()).toBe(2);
  },
);

test('F2: work that throws has failed, and is due again soon', async () => {
  let runs = 0;
  const refresh = new Refresh({ refreshMs: 10_000 }, async () => {
    if (runs++ === 0) throw new Error('the registry is away');
    return true;
  });
  await refresh.start();
  jest.advanceTimersByTime(refreshRetryMs);
  await refresh.startIfDue();
  expect(runs).toBe(2);
});

test('F2: one run at a time, which others can see and wait for', async () => {
  const { refresh } = scene(0);
  const run = refresh.startIfDue();
  expect(refresh.running).toBe(run);
  expect(refresh.startIfDue()).toBeUndefined();
  await run;
  expect(refresh.running).toBeUndefined();
});
