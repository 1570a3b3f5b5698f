import { EventLoopYielder } from '../../src/event-loop-yielder.ts';

beforeEach(() => {
  // Fakes only the clock that the yielder reads.
  jest.useFakeTimers({
    doNotFake: ['setImmediate', 'setTimeout', 'setInterval', 'nextTick', 'queueMicrotask'],
  });
});
afterEach(() => {
  jest.useRealTimers();
});

/** Whether other events were handled before `yieldIfDue` resolved. */
async function hasYielded(yielder: EventLoopYielder): Promise<boolean> {
  let isHandled = false;
  const event = setImmediate(() => {
    isHandled = true;
  });
  await yielder.yieldIfDue();
  clearImmediate(event);
  return isHandled;
}

test('D8: a loop yields once it has run for 5 ms, and then not before 5 more', async () => {
  const yielder = new EventLoopYielder();
  expect(await hasYielded(yielder)).toBe(false);
  jest.advanceTimersByTime(4);
  expect(await hasYielded(yielder)).toBe(false);
  jest.advanceTimersByTime(1);
  expect(await hasYielded(yielder)).toBe(true);
  expect(await hasYielded(yielder)).toBe(false);
  jest.advanceTimersByTime(4);
  expect(await hasYielded(yielder)).toBe(false);
  jest.advanceTimersByTime(1);
  expect(await hasYielded(yielder)).toBe(true);
});
