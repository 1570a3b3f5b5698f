import { setTimeout as pause } from 'node:timers/promises';
import { guardedSignal } from '../../src/guarded-signal.ts';

function guarded() {
  const controller = new AbortController();
  const errors: unknown[] = [];
  return { controller, errors, signal: guardedSignal(controller.signal, (error) => errors.push(error)) };
}

const failure = new Error('a listener failed');
const failing = () => {
  throw failure;
};

test('D3: the errors of listeners, thrown or rejected, are passed on, and the other listeners are called', async () => {
  const { controller, errors, signal } = guarded();
  const called: string[] = [];
  signal.addEventListener('abort', failing);
  signal.addEventListener('abort', async () => failing());
  signal.addEventListener('abort', { handleEvent: failing });
  signal.onabort = failing;
  signal.addEventListener('abort', ({ type }) => called.push(type));
  controller.abort();
  await new Promise((resolve) => setImmediate(resolve));
  expect(errors).toEqual(Array(4).fill(failure));
  expect(called).toEqual(['abort']);
});

test('a listener is added once, can be removed, and can be for one event', () => {
  const { controller, signal } = guarded();
  const called: string[] = [];
  const twice = () => called.push('twice');
  const removed = () => called.push('removed');
  signal.addEventListener('abort', twice, { once: true });
  signal.addEventListener('abort', twice, { once: true });
  signal.addEventListener('abort', removed);
  signal.removeEventListener('abort', removed);
  const assigned = () => called.push('assigned');
  signal.onabort = removed;
  signal.onabort = assigned;
  expect(signal.onabort).toBe(assigned);
  controller.abort();
  expect(called).toEqual(['twice', 'assigned']);
});

test('it is a signal for everything that takes one', async () => {
  const { controller, signal } = guarded();
  expect(signal).toBe(controller.signal);
  expect(signal).toBeInstanceOf(AbortSignal);
  const either = AbortSignal.any([signal]);
  const waiting = pause(60_000, undefined, { signal });
  const reason = new Error('stop');
  controller.abort(reason);
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError', cause: reason });
  expect(either.reason).toBe(reason);
  expect(() => signal.throwIfAborted()).toThrow(reason);
});
