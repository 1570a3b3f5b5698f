import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { loopPulse } from '../../../src/queue/loop-pulse.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { deferred } from '../../support/deferred.ts';
import { fakeTimers } from '../../support/fake-timers.ts';
import { FleetPlace, noting } from '../../support/fleet-place.ts';
import { message, messages, orders, run, withFaults } from '../../support/queue-run.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

const place = new FleetPlace();

/** Keeps the event loop busy. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const atLeast = (ms: number) => ({ asymmetricMatch: (given: unknown) => Number(given) >= ms });

describe('D7: the report says who blocked the event loop, and for how long', () => {
  test('D7: a handler that computes without a pause', async () => {
    const queue = await place.outbox();
    await queue.enqueue([message('1'), message('2', { topic: 'slow' }), message('3')]);
    const slow = orders(() => block(120), { topic: 'slow' });
    expect(await run(queue, [orders(() => {}), slow])).toMatchObject({
      blockedLoop: { topic: 'slow', ms: atLeast(120), measured: true },
    });
  });

  test('D7: many handlers that are called one after another make one block', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(12));
    expect(await run(queue, [orders(() => block(10))])).toMatchObject({
      blockedLoop: { topic: 'orders', ms: atLeast(120) },
    });
  });

  test('D7: a handler that computes after its last await', async () => {
    const queue = await place.outbox();
    await queue.enqueue([message('1'), message('2', { topic: 'slow' })]);
    const slow = orders(
      async () => {
        await pause(1);
        block(150);
      },
      { topic: 'slow' },
    );
    expect(await run(queue, [orders(() => pause(1)), slow])).toMatchObject({
      blockedLoop: { topic: 'slow', ms: atLeast(100), measured: false },
    });
  });

  test('D7: the only handler in flight computes between two awaits', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(1));
    const handler = orders(async () => {
      await pause(1);
      block(150);
      await pause(50);
    });
    expect(await run(queue, [handler])).toMatchObject({
      blockedLoop: { topic: 'orders', ms: atLeast(100), measured: false },
    });
  });

  test('D7: other code of the process that blocks while a handler is in flight: the report says that it was not measured', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(1));
    const started = deferred();
    const running = run(queue, [
      orders(() => {
        started.resolve();
        return pause(50);
      }),
    ]);
    await started.promise;
    block(150);
    expect(await running).toMatchObject({
      blockedLoop: { topic: 'orders', ms: atLeast(100), measured: false },
    });
  });

  test('D7: a handler whose flood of log lines keeps a slow logger busy is named', async () => {
    const queue = await place.outbox();
    await queue.enqueue([message('1'), message('2', { topic: 'chatty' })]);
    const slow = () => block(1);
    const logger: Logger = { debug: slow, info: slow, warn: slow, error: slow, child: () => logger };
    const chatty = orders(
      (_, context) => {
        for (let line = 0; line < 120; line++) context.logger.info('a line');
      },
      { topic: 'chatty' },
    );
    expect(await run(queue, [orders(() => {}), chatty], { logger })).toMatchObject({
      blockedLoop: { topic: 'chatty', ms: atLeast(120), measured: true },
    });
  });

  test('D7: a batch of huge messages: what reading and checking them takes is in the report', async () => {
    const queue = await place.outbox();
    // Numbers take a parser longer than text of the same size.
    const huge = JSON.stringify(Array.from({ length: 2_000_000 }, (_, index) => index));
    await queue.enqueue([message(huge), message(huge)]);
    const { counts, blockedLoop } = await run(queue, [orders(({ data }) => void data)]);
    expect(counts).toMatchObject({ done: 2 });
    expect(blockedLoop).toMatchObject({ ms: expect.any(Number), measured: true });
  });

  test.each(['begin', 'settle'] as const)('D7: a database call (%s) that blocks', async (verb) => {
    const real = await place.outbox();
    await real.enqueue(messages(1));
    const queue = withFaults(real, {
      [verb]: (call: (request: never) => never, request: never) => {
        block(120);
        return call(request);
      },
    });
    expect(await run(queue, [orders(() => {})])).toMatchObject({
      blockedLoop: { topic: null, ms: atLeast(120), measured: true },
    });
  });

  test('D7: a claim that blocks, behind the look of the same call', async () => {
    let reads = -1;
    const clock = () => {
      if (reads >= 0 && ++reads === 2) block(120);
      return Date.now();
    };
    const queue = await place.outbox('acme', place.engine({ clock }));
    await queue.enqueue(messages(1));
    reads = 0;
    expect(await run(queue, [orders(() => {})])).toMatchObject({
      blockedLoop: { topic: null, ms: atLeast(120) },
    });
  });

  test('D7: a database call that blocks once a lock is free', async () => {
    let isSlow = false;
    const clock = () => {
      if (isSlow) block(120);
      isSlow = false;
      return Date.now();
    };
    const queue = await place.outbox('acme', place.engine({ clock }));
    await queue.enqueue(messages(1));
    const other = new DatabaseSync(place.file('acme.db'));
    try {
      other.exec('BEGIN IMMEDIATE');
      const running = run(queue, [orders(() => {})]);
      isSlow = true;
      other.exec('COMMIT');
      expect(await running).toMatchObject({ blockedLoop: { topic: null, ms: atLeast(120) } });
    } finally {
      other.close();
    }
  });

  test('D7: the run’s report and the log name the tenant and the topic', async () => {
    const logger = recordingLogger();
    const { handlers } = noting((_, { tenant }) => {
      if (tenant.id === 'busy') block(520);
    });
    const face = await place.fleet(['busy', 'quiet'], { handlers, logger });
    for (const id of ['busy', 'quiet']) await face.outbox(id).enqueue({ topic: 'orders', payload: 1 });
    const { runs } = await face.tick();
    expect(runs.find(({ tenantId }) => tenantId === 'busy')).toMatchObject({
      blockedLoop: { topic: 'orders', ms: atLeast(520) },
    });
    expect(logger.lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: expect.stringContaining('handler blocked the event loop'),
        fields: expect.objectContaining({ tenantId: 'busy', topic: 'orders', blockedMs: atLeast(520) }),
      }),
    );
  });
});

describe('with a clock that stands still', () => {
  fakeTimers();

  test('D7: a run that blocks nothing reports no block, and leaves no timer behind', async () => {
    const [entered, left] = [jest.spyOn(loopPulse, 'enter'), jest.spyOn(loopPulse, 'leave')];
    const queue = await place.outbox();
    await queue.enqueue(messages(3));
    const before = jest.getTimerCount();
    expect(await run(queue, [orders(() => {})])).not.toHaveProperty('blockedLoop');
    expect(jest.getTimerCount()).toBe(before);
    expect(entered).toHaveBeenCalledTimes(1);
    expect(left.mock.calls).toEqual(entered.mock.calls);
    jest.restoreAllMocks();
  });

  test('D7: a handler that returns at once is not named for what blocked the loop before its call', async () => {
    let blockedMs = 0;
    const now = performance.now.bind(performance);
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + blockedMs);
    const queue = await place.outbox();
    await queue.enqueue(messages(2));
    const blocking = withFaults(queue, {
      settle: async (real, request) => {
        const settled = await real(request);
        blockedMs += 120;
        return settled;
      },
    });
    const report = await run(blocking, [orders(() => {})], { dispatch: { batchSize: 1 } });
    clock.mockRestore();
    expect(report.counts.done).toBe(2);
    expect(report).not.toHaveProperty('blockedLoop');
  });
});
