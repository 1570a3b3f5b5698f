/** The host of another process: runs until it is told to end. bench/latency.ts starts it. */
import { createMultiOutbox, defineHandler } from '../src/index.ts';
import { topic } from './fleet.ts';

export type ToHost = { readonly registry: string } | { readonly end: true };
/** `startedAt` is the time of a handler's start, in milliseconds since 1970. */
export type FromHost = { readonly isReady: true } | { readonly startedAt: number };

const say = (message: FromHost) => void process.send!(message);
const stop = new AbortController();

process.on('message', async (message: ToHost) => {
  if ('end' in message) return stop.abort();
  const handle = () => say({ startedAt: performance.timeOrigin + performance.now() });
  await using fleet = createMultiOutbox({
    registry: message.registry,
    handlers: [defineHandler({ topic, handle })],
  });
  let plans = 0;
  await fleet.run({
    signal: stop.signal,
    onPlan: () => {
      // The first plan may look at the tenant.
      if (++plans === 2) say({ isReady: true });
    },
  });
  process.disconnect();
});
