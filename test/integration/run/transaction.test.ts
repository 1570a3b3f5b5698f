/** T1 to T3: a handler's own writes and its message's outcome in one transaction, as a run carries it out. */

import type { DatabaseSync } from 'node:sqlite';
import { MessageStatus } from '../../../src/engine/message.ts';
import { MultiOutboxError } from '../../../src/errors.ts';
import {
  defineHandler,
  defineInboxHandler,
  type HandlerContext,
  type HandlerDefinition,
  type HandlerTransaction,
} from '../../../src/queue/handler.ts';
import { listDead } from '../../support/dead-letters.ts';
import { deferred } from '../../support/deferred.ts';
import { FleetPlace } from '../../support/fleet-place.ts';
import { message, messages, orders, run, withFaults } from '../../support/queue-run.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { takeOver } from '../../support/take-over.ts';

const place = new FleetPlace();

type Tx = HandlerTransaction<DatabaseSync>;

/** An outbox beside a table of the application. */
async function outboxWithLedger() {
  const queue = await place.outbox();
  const application = place.connection('tenants/acme.db');
  application.exec('CREATE TABLE Ledger (Entry TEXT NOT NULL)');
  const entries = () =>
    application
      .prepare('SELECT Entry FROM Ledger ORDER BY Entry')
      .all()
      .map((row) => row.Entry);
  return { queue, entries };
}

/** Call it when the signal of a run without a grace has just fired: that run's timer was set before this one. */
async function graceIsOver() {
  await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise((resolve) => setImmediate(resolve));
}

const enter = ({ driver }: Tx, entry: string) => driver.prepare('INSERT INTO Ledger VALUES (?)').run(entry);

describe('context.transaction', () => {
  test('T1: each message takes effect once, and counts as done; the run goes on meanwhile', async () => {
    const { queue, entries } = await outboxWithLedger();
    const sent = [...messages(30), ...messages(30, { orderingKey: 'K' })];
    await queue.enqueue(sent);
    const handler = orders(({ messageId }, { transaction }) =>
      transaction(async (tx: Tx) => {
        enter(tx, messageId);
        await new Promise((resolve) => setImmediate(resolve));
      }),
    );
    const report = await run(queue, [handler], { dispatch: { batchSize: 20, concurrency: 5 } });
    expect(report).toMatchObject({
      status: 'dispatched',
      counts: { done: 60, lost: 0, retried: 0 },
      more: false,
    });
    expect(entries()).toEqual(sent.map(({ messageId }) => messageId).sort());
    expect(await queue.statistics()).toMatchObject({ done: 60, ready: 0, claimed: 0, blocked: 0 });
  });

  test('T1: it resolves with what the work returned; work that throws is rolled back and retried', async () => {
    const { queue, entries } = await outboxWithLedger();
    await queue.enqueue(messages(1));
    const results: unknown[] = [];
    const handler = orders(async (_, { attempt, transaction }) => {
      results.push(
        await transaction((tx: Tx) => {
          enter(tx, `attempt ${attempt}`);
          if (attempt === 1) throw new Error('not yet');
          return 'result';
        }),
      );
    });
    const report = await run(queue, [handler], { retry: { baseMs: 0 } });
    expect(report.counts).toMatchObject({ done: 1, retried: 1, lost: 0 });
    expect(results).toEqual(['result']);
    expect(entries()).toEqual(['attempt 2']);
  });

  test.each([
    [{}, false],
    [{ logsHandlerText: true }, true],
  ])(
    'T2: a handler that fails after the commit leaves its message Done and is logged; %j: with its text: %p',
    async (setting, hasText) => {
      const { queue, entries } = await outboxWithLedger();
      const [sent] = messages(1);
      await queue.enqueue([sent!]);
      const logger = recordingLogger();
      const handler = orders(async (_, { transaction }) => {
        await transaction((tx: Tx) => enter(tx, 'once'));
        throw new Error('too late');
      });
      const report = await run(queue, [handler], { logger, ...setting });
      expect(report.counts).toMatchObject({ done: 1, retried: 0, dead: 0, lost: 0 });
      expect(entries()).toEqual(['once']);
      expect(await queue.get(sent!.messageId)).toMatchObject({ status: MessageStatus.Done, lastError: null });
      expect(logger.lines).toMatchObject([{ level: 'warn', fields: { messageId: sent!.messageId } }]);
      expect(logger.lines[0]!.fields.error).toBe(hasText ? 'too late' : undefined);
    },
  );

  test('T2: a handler that exceeds its timeout after the commit is Done as well', async () => {
    const { queue } = await outboxWithLedger();
    await queue.enqueue(messages(1));
    const handler = orders(
      async (_, { transaction }) => {
        await transaction(() => {});
        await new Promise(() => {});
      },
      { timeoutMs: 500 },
    );
    expect((await run(queue, [handler])).counts).toMatchObject({ done: 1, retried: 0, lost: 0 });
  });

  test('T2: a second call in one attempt is an error', async () => {
    const { queue, entries } = await outboxWithLedger();
    await queue.enqueue(messages(1));
    let second: unknown;
    const handler = orders(async (_, { transaction }) => {
      await transaction((tx: Tx) => enter(tx, 'first'));
      second = await transaction((tx: Tx) => enter(tx, 'second')).catch((error: unknown) => error);
    });
    expect((await run(queue, [handler])).counts).toMatchObject({ done: 1 });
    expect(second).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('twice') });
    expect(entries()).toEqual(['first']);
  });

  test('T3: the timeout rolls the transaction back at once, and unblocks other writers', async () => {
    const { queue, entries } = await outboxWithLedger();
    await queue.enqueue([message('hangs', { topic: 'hangs' }), message('other')]);
    const late = deferred<unknown>();
    const goOn = deferred();
    const handle: HandlerDefinition['handle'] = ({ payload }, { attempt, transaction }) =>
      transaction(async (tx: Tx) => {
        enter(tx, `${payload} ${attempt}`);
        if (payload !== 'hangs' || attempt > 1) return;
        await goOn.promise;
        try {
          late.resolve(enter(tx, 'too late'));
        } catch (error) {
          late.resolve(error);
        }
      });
    const handlers = [defineHandler({ topic: 'hangs', timeoutMs: 500, handle }), orders(handle)];
    const report = await run(queue, handlers, { retry: { baseMs: 0 } });
    goOn.resolve();
    expect(await late.promise).toMatchObject({ code: 'TRANSACTION_NOT_OPEN', tenantId: 'acme' });
    expect(report.counts).toMatchObject({ done: 2, retried: 1, lost: 0 });
    expect(entries()).toEqual(['hangs 2', 'other 1']);
  });

  test('T3, D5: at shutdown an open transaction is rolled back and its attempt is not counted', async () => {
    const { queue, entries } = await outboxWithLedger();
    const [sent] = messages(1);
    await queue.enqueue([sent!]);
    const stop = new AbortController();
    const handler = orders((_, { transaction }) =>
      transaction(async (tx: Tx) => {
        enter(tx, 'interrupted');
        stop.abort(new Error('shutdown'));
        await new Promise(() => {});
      }),
    );
    const report = await run(queue, [handler], { signal: stop.signal });
    expect(report).toMatchObject({ stop: 'signal', counts: { done: 0, released: 1, lost: 0 } });
    expect(await queue.get(sent!.messageId)).toMatchObject({ status: MessageStatus.Ready, attempts: 0 });
    expect(entries()).toEqual([]);
  });

  test('T3: a handler that ends before its transaction, returning or throwing', async () => {
    const { queue, entries } = await outboxWithLedger();
    await queue.enqueue([message('returns'), message('throws')]);
    const handler = orders(({ payload }, context: HandlerContext) => {
      if (context.attempt > 1) return;
      void context.transaction(async (tx: Tx) => {
        await new Promise((resolve) => setImmediate(resolve));
        enter(tx, payload);
      });
      if (payload === 'throws') throw new Error('did not wait');
    });
    const report = await run(queue, [handler], { retry: { baseMs: 0 } });
    expect(report.counts).toMatchObject({ done: 2, retried: 1, lost: 0 });
    expect(entries()).toEqual(['returns']);
  });

  test('T3: a handler that does not await its transaction is retried when that fails before it has returned', async () => {
    const { queue, entries } = await outboxWithLedger();
    await queue.enqueue(messages(1));
    const handler = orders(async (_, { attempt, transaction }) => {
      const ended = deferred();
      void transaction((tx: Tx) => {
        setImmediate(ended.resolve);
        enter(tx, `attempt ${attempt}`);
        if (attempt === 1) throw new Error('not yet');
      });
      await ended.promise;
    });
    const report = await run(queue, [handler], { retry: { baseMs: 0 } });
    expect(report.counts).toMatchObject({ done: 1, retried: 1 });
    expect(entries()).toEqual(['attempt 2']);
  });

  test('T2: a handler that catches its transaction’s error decides its own outcome', async () => {
    const { queue, entries } = await outboxWithLedger();
    await queue.enqueue(messages(1));
    const handler = orders(async (_, { transaction }) => {
      const failed = transaction((tx: Tx) => {
        enter(tx, 'known already');
        throw new Error('a duplicate');
      });
      await failed.catch(() => {});
    });
    expect((await run(queue, [handler])).counts).toMatchObject({ done: 1, retried: 0, lost: 0 });
    expect(entries()).toEqual([]);
  });

  test('T1, Q6: a message that a newer run has claimed is lost, and its writes are rolled back', async () => {
    const { queue, entries } = await outboxWithLedger();
    await queue.enqueue(messages(1));
    const errors: unknown[] = [];
    const handler = orders(async (_, { transaction }) => {
      await takeOver(await place.outbox());
      await transaction((tx: Tx) => enter(tx, 'stolen')).catch((error: unknown) => {
        errors.push(error);
        throw error;
      });
    });
    const report = await run(queue, [handler]);
    expect(report).toMatchObject({ stop: 'lease-lost', counts: { done: 0, lost: 1 } });
    expect(errors).toMatchObject([{ code: 'LEASE_LOST' }]);
    expect(entries()).toEqual([]);
  });

  test('T1: the lease is renewed between transactions without a gap', async () => {
    const { queue } = await outboxWithLedger();
    await queue.enqueue(messages(40));
    const handler = orders((_, { transaction }) =>
      transaction(() => new Promise((resolve) => setTimeout(resolve, 25))),
    );
    const report = await run(queue, [handler], { dispatch: { leaseMs: 600, batchSize: 40 } });
    expect(report).toMatchObject({ stop: 'drained', counts: { done: 40, lost: 0 } });
  });

  test('T3: a transaction that would outlast the lease says so, and the run keeps its lease', async () => {
    const { queue, entries } = await outboxWithLedger();
    await queue.enqueue([message('long'), message('short')]);
    const handler = orders(({ payload }, { transaction }) =>
      transaction(async (tx: Tx) => {
        enter(tx, payload);
        if (payload === 'long') await new Promise(() => {});
      }),
    );
    const report = await run(queue, [handler], { dispatch: { leaseMs: 1_000 }, retry: { maxAttempts: 1 } });
    expect(report).toMatchObject({ stop: 'drained', counts: { done: 1, dead: 1, lost: 0 } });
    expect(entries()).toEqual(['short']);
    const [dead] = await listDead(queue, {}, { limit: 1 });
    expect(dead!.lastError).toMatch(/the run's lease was about to run out.*raise MULTI_OUTBOX_LEASE/);
  });

  test('T1, D5: a run whose lease is lost waits for a commit in progress without repeated calls to the database', async () => {
    const { queue, entries } = await outboxWithLedger();
    const [sent] = messages(1);
    await queue.enqueue([sent!]);
    const stop = new AbortController();
    const lost = deferred();
    let calls = 0;
    const slow = withFaults(queue, {
      settle: async (real, request) => {
        calls++;
        const result = await real(request);
        if (result.lease === 'lost') lost.resolve();
        return result;
      },
      // The answer to the commit takes long.
      transact: async (real, request, work) => {
        const result = await real(request, work);
        await queue.enqueue(messages(1));
        await takeOver(queue);
        stop.abort(new Error('shutdown'));
        await lost.promise;
        for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
        return result;
      },
    });
    const handler = orders((_, { transaction }) => transaction((tx: Tx) => enter(tx, 'once')));
    const report = await run(slow, [handler], {
      signal: stop.signal,
      dispatch: { graceMs: 0 },
    });
    expect(report.counts).toMatchObject({ done: 1, lost: 0 });
    expect(entries()).toEqual(['once']);
    expect(calls).toBeLessThanOrEqual(3);
  });

  test('T1, D5, D7: a run whose grace is over keeps its lease until a commit in progress has ended, and counts its message', async () => {
    const { queue, entries } = await outboxWithLedger();
    await queue.enqueue(messages(1));
    const stop = new AbortController();
    const slow = withFaults(queue, {
      transact: async (real, request, work) => {
        const result = await real(request, work);
        stop.abort(new Error('shutdown'));
        await graceIsOver();
        expect(await (await place.tenant()).leases.list()).toMatchObject([{ held: true }]);
        return result;
      },
    });
    const handler = orders((_, { transaction }) => transaction((tx: Tx) => enter(tx, 'once')));
    const report = await run(slow, [handler], { signal: stop.signal, dispatch: { graceMs: 0 } });
    expect(report).toMatchObject({ stop: 'signal', counts: { done: 1, lost: 0 } });
    expect(entries()).toEqual(['once']);
    expect(await (await place.tenant()).leases.list()).toMatchObject([{ held: false }]);
  });

  test('T1, D5, Q5: a commit that fails when the grace is over: the message gets its attempt back', async () => {
    const { queue, entries } = await outboxWithLedger();
    const [sent] = messages(1);
    await queue.enqueue([sent!]);
    const stop = new AbortController();
    const failing = withFaults(queue, {
      transact: (real, request, work) =>
        real(request, async (transaction) => {
          await work(transaction);
          stop.abort(new Error('shutdown'));
          await graceIsOver();
          throw new Error('not committed');
        }),
    });
    const handler = orders((_, { transaction }) => transaction((tx: Tx) => enter(tx, 'never')));
    const report = await run(failing, [handler], { signal: stop.signal, dispatch: { graceMs: 0 } });
    expect(report).toMatchObject({ stop: 'signal', counts: { released: 1, done: 0, lost: 0 } });
    expect(entries()).toEqual([]);
    expect(await queue.get(sent!.messageId)).toMatchObject({ status: MessageStatus.Ready, attempts: 0 });
    // Nothing is left to recover.
    expect((await run(queue, [orders(() => {})])).counts).toMatchObject({ done: 1, recovered: 0 });
  });

  test('T1: a handler that ends the transaction itself gets an error and is retried', async () => {
    const { queue } = await outboxWithLedger();
    await queue.enqueue(messages(1));
    const handler = orders((_, { transaction }) => transaction((tx: Tx) => tx.driver.exec('COMMIT')));
    const report = await run(queue, [handler], { retry: { maxAttempts: 1 } });
    expect(report.counts).toMatchObject({ dead: 1 });
    expect((await listDead(queue, {}, { limit: 1 }))[0]!.lastError).toContain('COMMIT and ROLLBACK');
  });
});

test('T1, D7: a message that its handler has committed is not lost when the run fails', async () => {
  const { queue } = await outboxWithLedger();
  await queue.enqueue(messages(2));
  const committed = deferred();
  const gate = deferred();
  const closing = withFaults(queue, {
    settle: () => Promise.reject(new MultiOutboxError('CLOSED', 'closed')),
  });
  const handler = orders(async ({ payload }, { transaction }) => {
    if (payload === '2') return committed.promise;
    await transaction(() => {});
    committed.resolve();
    await gate.promise;
  });
  // A renewal is due while the first handler still runs.
  const report = await run(closing, [handler], { dispatch: { leaseMs: 300 } });
  expect(report).toMatchObject({ status: 'failed', error: { code: 'CLOSED' }, counts: { lost: 1 } });
  gate.resolve();
});

describe('a handler that enqueues in its transaction', () => {
  test('T4: the results are those of the outbox, one or several; the run dispatches them itself', async () => {
    const { queue } = await outboxWithLedger();
    await queue.enqueue(messages(1));
    const results: unknown[] = [];
    const seen: string[] = [];
    const handler = orders(async ({ payload }, { transaction }) => {
      seen.push(payload);
      if (payload !== '1') return;
      await transaction(async (tx) => {
        results.push(await tx.enqueue({ topic: 'orders', payload: 'a' }));
        results.push(await tx.enqueue([{ topic: 'orders', payload: 'b' }]));
      });
    });
    const report = await run(queue, [handler]);
    const stored = { status: 'enqueued', messageId: expect.any(String) };
    expect(results).toEqual([stored, [stored]]);
    expect(seen.sort()).toEqual(['1', 'a', 'b']);
    expect(report).toMatchObject({ counts: { done: 3 }, more: false, nextDueInMs: null });
  });

  test('T4: the message is stored if and only if the work is committed, and its tenant is due', async () => {
    const mails: string[] = [];
    const face = await place.fleet(['acme'], {
      schedule: { idleCeilingMs: 'never' },
      retry: { baseMs: 0 },
      handlers: [
        defineInboxHandler({
          topic: 'order.paid',
          handle: ({ payload }, { attempt, transaction }) =>
            transaction(async (tx) => {
              await tx.enqueue({ topic: 'mail', payload: `${payload}, attempt ${attempt}` });
              await face.outbox('acme').enqueue([{ topic: 'mail', payload: `copy of attempt ${attempt}` }], {
                transaction: tx.driver,
              });
              if (attempt === 1) throw new Error('rolled back');
            }),
        }),
        defineHandler({
          topic: 'mail',
          handle: ({ payload }) => {
            mails.push(payload);
          },
        }),
      ],
    });
    await face
      .inbox('acme')
      .receive({ source: 's', messageId: '1', topic: 'order.paid', payload: 'order 1' });
    // The run of the outbox was over when the message came.
    expect(await face.dispatch({ tenantId: 'acme' })).toMatchObject({
      counts: { done: 1, retried: 1 },
      nextDueInMs: 0,
    });
    expect((await face.plan()).requests).toMatchObject([{ tenantId: 'acme' }]);
    await face.dispatch({ tenantId: 'acme' });
    expect(mails.sort()).toEqual(['copy of attempt 2', 'order 1, attempt 2']);
  });
});
