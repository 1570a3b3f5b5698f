/** What a run leaves in memory, so that V8 keeps the code that it compiled for it (src/compiled-code.ts). */
import { setImmediate as immediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { lastUsed } from '../../src/compiled-code.ts';
import { Candidates } from '../../src/engine/sqlite/queue/candidates.ts';
import { Attempt } from '../../src/queue/attempt.ts';
import { AttemptContext } from '../../src/queue/attempt-context.ts';
import { defineHandler } from '../../src/queue/handler.ts';
import { MessageView } from '../../src/queue/message-view.ts';
import { FleetPlace } from '../support/fleet-place.ts';

const place = new FleetPlace();

const mebibyte = 2 ** 20;
const messages = 12;

async function heapUsed(): Promise<number> {
  // A new reference keeps its object until the end of the turn.
  await immediate();
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

test('D6: a run leaves one message in memory, and one object of each class that it uses for all', async () => {
  const seen: WeakRef<object>[] = [];
  const stop = new AbortController();
  const handlers = [
    defineHandler({
      topic: 'orders',
      handle(message, context) {
        seen.push(new WeakRef(message), new WeakRef(context));
        // Without another claim, what the last one has read would stay.
        if (seen.length === 2 * messages) stop.abort();
      },
    }),
  ];
  // Payloads within an equal part of the bytes are read together.
  const dispatch = { batchSize: messages, batchBytes: 2 * messages * mebibyte };
  const face = await place.fleet(['acme'], { handlers, dispatch });
  const payload = 'x'.repeat(mebibyte);
  const more = Array.from({ length: messages }, () => ({ topic: 'orders', payload }));
  await face.outbox('acme').enqueue(more);
  const before = await heapUsed();
  const report = await face.dispatch({ tenantId: 'acme' }, { signal: stop.signal });
  expect(report).toMatchObject({ counts: { done: messages }, roundTrips: 2 });
  const after = await heapUsed();
  expect(seen).toHaveLength(2 * messages);
  const alive = seen.flatMap((reference, index) => (reference.deref() === undefined ? [] : [index]));
  expect(alive).toEqual([2 * messages - 2, 2 * messages - 1]);
  // The payload of that message, and what the run has loaded and compiled.
  expect(after - before).toBeLessThan((messages / 2) * mebibyte);
  expect(lastUsed).toEqual({
    run: expect.any(Object),
    attempt: expect.any(Attempt),
    message: expect.any(MessageView),
    context: expect.any(AttemptContext),
    candidates: expect.any(Candidates),
  });
});

test('what a run leaves is dropped when the last multi-outbox of the process is closed', async () => {
  const handlers = [defineHandler({ topic: 'orders', handle() {} })];
  const one = await place.fleet(['acme'], { handlers });
  const other = await place.fleet([], { handlers });
  await one.outbox('acme').enqueue({ topic: 'orders', payload: '1' });
  await one.tick();
  await one.close();
  await one.close();
  expect(lastUsed.run).toBeDefined();
  await other.close();
  expect(Object.values(lastUsed)).toEqual(Object.values(lastUsed).map(() => undefined));
});

test('D6: a batch leaves memory when it is settled, also the first one of a run', async () => {
  const seen: WeakRef<object>[] = [];
  let alive: number | undefined;
  const handlers = [
    defineHandler({
      topic: 'orders',
      async handle(message) {
        if (seen.length < messages) {
          seen.push(new WeakRef(message.headers));
          return;
        }
        await heapUsed();
        alive = seen.filter((reference) => reference.deref() !== undefined).length;
      },
    }),
  ];
  const face = await place.fleet(['acme'], { handlers, dispatch: { batchSize: messages } });
  const message = { topic: 'orders', payload: '{}', headers: { a: '1' } };
  await face.outbox('acme').enqueue(Array.from({ length: messages + 1 }, () => message));
  await face.tick();
  expect(alive).toBe(0);
});
