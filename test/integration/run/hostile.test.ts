import type { StandardSchemaV1 } from '@standard-schema/spec';
import { safeLogger } from '../../../src/telemetry/logger.ts';
import { listDead } from '../../support/dead-letters.ts';
import { hostilePromises, hostileValues } from '../../support/hostile.ts';
import { message, messages, orders, run } from '../../support/queue-run.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

/** Recursive, as validators of recursive types are. */
function depthOf(value: unknown): number {
  return Array.isArray(value) ? 1 + Math.max(0, ...value.map(depthOf)) : 0;
}

const place = new SqlitePlace();
const hostile = Object.entries(hostileValues);

/** Runs ten messages; `foreign` is called for the fourth. */
async function tenMessages(foreign: () => unknown) {
  const queue = await place.outbox();
  await queue.enqueue(messages(10));
  const handler = orders(({ payload }) => (payload === '4' ? foreign() : undefined));
  const report = await run(queue, [handler], { dispatch: { batchSize: 10 } });
  return { report, statistics: await queue.statistics() };
}

const onlyOneFailed = {
  report: { status: 'dispatched', stop: 'drained', counts: { done: 9, retried: 1, lost: 0 } },
  statistics: { done: 9, ready: 1, claimed: 0 },
};

describe('D3: what foreign code throws or returns affects only its own message', () => {
  test.each(hostile)('%s, thrown by a handler', async (_, make) => {
    const thrown = await tenMessages(() => {
      throw make();
    });
    expect(thrown).toMatchObject(onlyOneFailed);
  });

  test.each(hostile)('%s, as the reason of a rejection', async (_, make) => {
    expect(await tenMessages(() => Promise.reject(make()))).toMatchObject(onlyOneFailed);
  });

  test.each(Object.entries(hostilePromises))('%s, returned by a handler', async (_, make) => {
    expect(await tenMessages(make)).toMatchObject(onlyOneFailed);
  });

  test.each(hostile)('%s, returned by a validator as its result', async (_, make) => {
    const queue = await place.outbox();
    await queue.enqueue(messages(10));
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) => (value === 4 ? make() : { value }),
      },
    } as StandardSchemaV1;
    const report = await run(queue, [orders(() => {}, { schema } as never)], { dispatch: { batchSize: 10 } });
    expect(report).toMatchObject({ status: 'dispatched', stop: 'drained', counts: { lost: 0 } });
    expect(report.counts.done).toBeGreaterThanOrEqual(9);
    expect(await queue.statistics()).toMatchObject({ claimed: 0 });
  });

  test('D3: a listener of the signal that throws affects only its own message', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(3));
    const logger = recordingLogger();
    const handler = orders(
      ({ payload }, { signal }) => {
        if (payload !== '2') return undefined;
        signal.addEventListener('abort', () => {
          throw new Error('quotes a payload');
        });
        return new Promise(() => {});
      },
      { timeoutMs: 20 },
    );
    expect(await run(queue, [handler], { logger })).toMatchObject({
      status: 'dispatched',
      counts: { done: 2, retried: 1 },
    });
    expect(logger.lines).toContainEqual(
      expect.objectContaining({ level: 'error', message: expect.stringContaining('listener of a handler') }),
    );
    expect(JSON.stringify(logger.lines)).not.toContain('quotes a payload');
  });

  test.each([
    ['throws', (value: unknown) => depthOf(value)],
    ['rejects', async (value: unknown) => depthOf(value)],
  ])(
    'D3: a recursive validator that %s at a deeply nested payload makes only that message Dead',
    async (_, depth) => {
      const queue = await place.outbox();
      const deep = '['.repeat(100_000) + ']'.repeat(100_000);
      await queue.enqueue([message('[]'), message(deep), message('[[]]')]);
      const validate = (value: unknown) => {
        const found = depth(value);
        return found instanceof Promise ? found.then(() => ({ value })) : { value };
      };
      const schema = { '~standard': { version: 1, vendor: 'test', validate } } as StandardSchemaV1;
      const report = await run(queue, [orders(() => {}, { schema } as never)]);
      expect(report).toMatchObject({ status: 'dispatched', counts: { done: 2, dead: 1, retried: 0 } });
      const [dead] = await listDead(queue, {}, { limit: 1 });
      expect(dead).toMatchObject({
        lastError: expect.stringMatching(/^The payload is nested too deeply.{0,100}$/),
      });
    },
  );

  test('D3: a handler cannot change what the other messages of its run get', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(2));
    const keys: string[] = [];
    const handler = orders((_, context) => {
      keys.push(context.idempotencyKey);
      Object.assign(context.logger, { info: undefined });
    });
    const logger = safeLogger({ ...console, child: () => logger });
    const report = await run(queue, [handler], { logger, dispatch: { concurrency: 1 } });
    expect(report.counts).toMatchObject({ retried: 2 });
    expect(typeof logger.info).toBe('function');
  });
});
