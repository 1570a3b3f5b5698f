import { Alarm } from '../../src/alarm.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

/** An alarm, and the times at which it called its function. */
function alarm() {
  const start = performance.now();
  const calls: number[] = [];
  const one = new Alarm(() => calls.push(performance.now() - start));
  return { set: (ms: number) => one.set(start + ms), clear: () => one.clear(), calls };
}

test('it calls its function once, at the moment that was set last, later or earlier than the one before', async () => {
  const { set, calls } = alarm();
  set(100);
  set(300);
  await pass(299);
  expect(calls).toEqual([]);
  await pass(1);
  expect(calls).toEqual([300]);
  set(600);
  set(400);
  await pass(1_000);
  expect(calls).toEqual([300, 400]);
  expect(jest.getTimerCount()).toBe(0);
});

test('a moment that has passed is called in the next turn, and one that is put off starts no timer', async () => {
  const setTimer = jest.spyOn(globalThis, 'setTimeout');
  const { set, calls } = alarm();
  set(-5);
  await pass(0);
  expect(calls).toEqual([0]);
  setTimer.mockClear();
  for (let ms = 100; ms < 200; ms++) set(ms);
  expect(setTimer).toHaveBeenCalledTimes(1);
});

test('it is never early, not even by the fraction of a millisecond that a timer drops', async () => {
  const { set, calls } = alarm();
  set(10.75);
  await pass(50);
  expect(calls).toHaveLength(1);
  expect(calls[0]).toBeGreaterThanOrEqual(10.75);
});

test('it may be months away', async () => {
  const days = 86_400_000;
  const { set, calls } = alarm();
  set(70 * days);
  await pass(69 * days);
  expect(calls).toEqual([]);
  await pass(days);
  expect(calls).toEqual([70 * days]);
});

test('a cleared alarm leaves no timer, and can be set again', async () => {
  const { set, clear, calls } = alarm();
  set(10);
  clear();
  clear();
  expect(jest.getTimerCount()).toBe(0);
  set(20);
  await pass(30);
  expect(calls).toEqual([20]);
});
