/** What a run leaves in memory, so that V8 keeps the code that it compiled for it (src/compiled-code.ts). */
import { setImmediate as immediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { defineHandler } from '../../src/queue/handler.ts';
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

test('D6: of the messages that a run has settled, one stays in memory, and nothing of a batch', async () => {
  const seen: WeakRef<object>[] = [];
  const handlers = [
    defineHandler({
      topic: 'orders',
      handle(message, context) {
        seen.push(new WeakRef(message), new WeakRef(context));
      },
    }),
  ];
  const face = await place.fleet(['acme'], { handlers, dispatch: { batchBytes: 2 * messages * mebibyte } });
  const payload = 'x'.repeat(mebibyte);
  const more = Array.from({ length: messages }, () => ({ topic: 'orders', payload }));
  await face.outbox('acme').enqueue(more);
  const before = await heapUsed();
  const { runs } = await face.tick();
  expect(runs).toMatchObject([{ counts: { done: messages } }]);
  const after = await heapUsed();
  expect(seen).toHaveLength(2 * messages);
  const alive = seen.flatMap((reference, index) => (reference.deref() === undefined ? [] : [index]));
  expect(alive).toEqual([2 * messages - 2, 2 * messages - 1]);
  // The payload of that message, twice if it is in two pieces, and what the run has loaded and compiled.
  expect(after - before).toBeLessThan((messages / 2) * mebibyte);
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
