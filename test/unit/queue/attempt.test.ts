import type { TransactionAccess } from '../../../src/queue/attempt-transaction.ts';
import { type HandlerContext, PermanentError } from '../../../src/queue/handler.ts';
import { attempt, noTransactions, sharedTimeoutMs } from '../../support/attempt.ts';
import { deferred, turns } from '../../support/deferred.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

describe('one start of one message (D3)', () => {
  test('D3: a handler that returns at once ends the attempt at once', () => {
    const { attempt: one, outcomes } = attempt({ handle: () => 'whatever' });
    one.start();
    expect(outcomes).toEqual([{ kind: 'done' }]);
  });

  test('D3: a handler that throws at once, too', () => {
    const { attempt: one, outcomes } = attempt({
      handle() {
        throw new PermanentError('never');
      },
    });
    one.start();
    expect(outcomes).toEqual([{ kind: 'dead', error: 'never' }]);
  });

  test('D3: a promise ends it when it settles', async () => {
    const gate = deferred();
    const { attempt: one, outcomes, ended } = attempt({ handle: () => gate.promise });
    one.start();
    await turns();
    expect(outcomes).toEqual([]);
    gate.resolve();
    expect(await ended).toEqual({ kind: 'done' });
  });

  test('D3: a rejection is an error like one thrown', async () => {
    const { attempt: one, ended } = attempt({ handle: () => Promise.reject(new Error('503')) });
    one.start();
    expect(await ended).toEqual({ kind: 'retry', delayMs: 500, error: '503' });
  });

  test("D3: the handler's own retry settings override the fleet's, one by one", async () => {
    const { attempt: one, ended } = attempt({
      handle: () => Promise.reject(new Error('x')),
      retry: { baseMs: 10 },
    });
    one.start();
    expect(await ended).toEqual({ kind: 'retry', delayMs: 5, error: 'x' });
    const last = attempt({ handle: () => Promise.reject(new Error('x')), retry: { maxAttempts: 1 } });
    last.attempt.start();
    expect(await last.ended).toEqual({ kind: 'dead', error: 'x' });
  });

  test('D3: a thenable that breaks the rules is harmless', async () => {
    const twice = attempt({
      handle: () => ({
        // biome-ignore lint/suspicious/noThenProperty: a thenable that misbehaves is the point
        then(yes: () => void, no: (error: unknown) => void) {
          yes();
          no('late');
          yes();
        },
      }),
    });
    twice.attempt.start();
    await twice.ended;
    expect(twice.outcomes).toEqual([{ kind: 'done' }]);

    const throwing = attempt({
      handle: () => ({
        // biome-ignore lint/suspicious/noThenProperty: a thenable that misbehaves is the point
        then() {
          throw new Error('broken thenable');
        },
      }),
    });
    throwing.attempt.start();
    expect(await throwing.ended).toMatchObject({ kind: 'retry', error: 'broken thenable' });

    const unreadable = attempt({
      handle: () =>
        Object.defineProperty({}, 'then', {
          get() {
            throw new Error('unreadable');
          },
        }),
    });
    unreadable.attempt.start();
    expect(unreadable.outcomes).toMatchObject([{ kind: 'retry', error: 'unreadable' }]);
  });

  test('D3: the context says tenant, attempt, fence, idempotency key and trace', () => {
    let seen!: HandlerContext;
    const { attempt: one } = attempt(
      {
        handle(_, context) {
          seen = context;
        },
      },
      { messageId: 'm-1', attempt: 2, headers: { traceparent: '00-a-b-01', 'x-own': '1' } },
    );
    one.start();
    expect(seen).toMatchObject({
      tenant: { id: 'acme', tags: { plan: 'gold' } },
      queue: 'outbox',
      attempt: 2,
      fence: 7,
      idempotencyKey: 'acme:m-1',
      trace: { traceparent: '00-a-b-01' },
    });
    expect(seen.trace).not.toHaveProperty('tracestate');
  });
});

describe("the producer's trace (D3)", () => {
  test.each([
    [
      { traceparent: '00-a-b-01', tracestate: 'v=1' },
      { traceparent: '00-a-b-01', tracestate: 'v=1' },
    ],
    [{ tracestate: 'v=1' }, {}],
    [{}, {}],
  ])('D3: headers %j: trace %j', (headers: Record<string, string>, expected) => {
    const traces: unknown[] = [];
    attempt({ handle: (_, { trace }) => traces.push(trace) }, { headers }).attempt.start();
    expect(traces).toStrictEqual([expected]);
  });
});

describe("an attempt's transaction (T2, T3)", () => {
  /** A tenant's database whose commit ends when the test says so. */
  function database() {
    const commit = deferred();
    const transactions: TransactionAccess = {
      async transact(_, work) {
        const result = await work({});
        await commit.promise;
        return result;
      },
      enqueue: noTransactions.enqueue,
    };
    return { commit, transactions };
  }
  const timedOut = { kind: 'retry', delayMs: 1, error: 'timed out' } as const;

  test('T2: an attempt that is interrupted during its commit ends with the commit, as Done, and the failure is logged', async () => {
    const { commit, transactions } = database();
    const logger = recordingLogger();
    const {
      attempt: one,
      outcomes,
      ended,
    } = attempt(
      { handle: (_, { transaction }) => transaction(() => {}) },
      { messageId: 'm-1' },
      { transactions, logger, logsHandlerText: true },
    );
    one.start();
    await turns();
    one.interrupt(timedOut);
    expect(outcomes).toEqual([]);
    commit.resolve();
    expect(await ended).toEqual({ kind: 'done' });
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { messageId: 'm-1', topic: 'orders', error: 'timed out' } },
    ]);
  });

  test('T2: when that commit fails, the first outcome that arrived counts', async () => {
    const { commit, transactions } = database();
    const { attempt: one, outcomes } = attempt(
      { handle: (_, { transaction }) => transaction(() => {}) },
      {},
      { transactions },
    );
    one.start();
    await turns();
    one.interrupt(timedOut);
    one.interrupt({ kind: 'release', delayMs: 0 });
    commit.reject(new Error('deadlock'));
    await turns();
    expect(outcomes).toEqual([timedOut]);
  });

  test('T2: neither a commit nor a plain failure is logged as a failure after the commit', async () => {
    const { commit, transactions } = database();
    commit.resolve();
    const logger = recordingLogger();
    const committed = attempt(
      { handle: (_, { transaction }) => transaction(() => {}) },
      {},
      { transactions, logger },
    );
    committed.attempt.start();
    expect(await committed.ended).toEqual({ kind: 'done' });
    const failed = attempt({ handle: () => Promise.reject('x') }, {}, { logger });
    failed.attempt.start();
    expect(await failed.ended).toMatchObject({ kind: 'retry' });
    expect(logger.lines).toEqual([]);
  });

  test('T3: an attempt that has ended cannot begin a transaction', async () => {
    let transact = 0;
    const transactions: TransactionAccess = {
      transact: async () => {
        transact++;
        throw new Error('began');
      },
      enqueue: noTransactions.enqueue,
    };
    let context!: HandlerContext;
    const handle = (_: unknown, given: HandlerContext) => {
      context = given;
    };
    const { attempt: one } = attempt({ handle }, {}, { transactions });
    one.start();
    await expect(context.transaction(() => {})).rejects.toMatchObject({ code: 'ABORTED' });
    expect(transact).toBe(0);
  });

  test('T3: the signal fires for a transaction that the handler left open, and not after one that was rolled back', async () => {
    const contexts: HandlerContext[] = [];
    const leaving = attempt(
      {
        handle(_, context) {
          contexts.push(context);
          void context.transaction(() => new Promise(() => {}));
          throw new Error('did not wait');
        },
      },
      {},
      { transactions: database().transactions },
    );
    leaving.attempt.start();
    expect(leaving.outcomes).toMatchObject([{ kind: 'retry', error: 'did not wait' }]);
    expect(contexts[0]!.signal.reason).toMatchObject({ code: 'ABORTED' });

    const catching = attempt(
      {
        async handle(_, context) {
          contexts.push(context);
          await context.transaction(() => Promise.reject(new Error('a duplicate'))).catch(() => {});
        },
      },
      {},
      { transactions: database().transactions },
    );
    catching.attempt.start();
    expect(await catching.ended).toEqual({ kind: 'done' });
    expect(contexts[1]!.signal.aborted).toBe(false);
  });

  test('T3: a transaction that the handler does not await fails the attempt, and no rejection is left unhandled', async () => {
    const { attempt: one, ended } = attempt(
      {
        handle(_, { transaction }) {
          void transaction(() => Promise.reject(new Error('not yet')));
        },
      },
      {},
      { transactions: database().transactions },
    );
    one.start();
    expect(await ended).toMatchObject({ kind: 'retry', error: 'not yet' });
    await turns();
  });

  /** What becomes of a handler that ends well after its transaction has failed. */
  async function outcomeAfter(call: (transaction: HandlerContext['transaction']) => unknown) {
    const gate = deferred();
    const { attempt: one, ended } = attempt(
      {
        async handle(_, { transaction }) {
          await call(transaction);
          await gate.promise;
        },
      },
      {},
      { transactions: database().transactions },
    );
    one.start();
    await turns();
    gate.resolve();
    return ended;
  }
  const fail = () => Promise.reject(new Error('not yet'));

  test('T3: one that nobody awaits fails the attempt, also if it failed before the handler ended', async () => {
    const outcome = await outcomeAfter((transaction) => {
      void transaction(fail);
    });
    expect(outcome).toMatchObject({ kind: 'retry', error: 'not yet' });
  });

  test('T3: so does a second call that nobody awaits, of which nothing was done', async () => {
    const outcome = await outcomeAfter(async (transaction) => {
      await transaction(fail).catch(() => {});
      void transaction(() => {});
    });
    expect(outcome).toMatchObject({ kind: 'retry', error: expect.stringContaining('called twice') });
  });

  test.each<[string, (transacting: Promise<unknown>) => unknown]>([
    ['awaits', async (transacting) => await transacting],
    ['returns', (transacting) => transacting],
    ['combines', (transacting) => Promise.all([transacting])],
    ['gives a callback to', (transacting) => transacting.then(() => {})],
  ])('T3: a handler that %s it decides itself about its failure', async (_, wait) => {
    const outcome = await outcomeAfter(async (transaction) => {
      await Promise.resolve(wait(transaction(fail))).catch(() => {});
    });
    expect(outcome).toEqual({ kind: 'done' });
  });
});

describe('timeouts and signals (D2)', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('D2: after a timeout the signal fires, the message is retried, and a late answer has no effect', async () => {
    const gate = deferred();
    let signal!: AbortSignal;
    const { attempt: one, outcomes } = attempt({
      handle: (_, context) => {
        signal = context.signal;
        return gate.promise;
      },
    });
    one.start();
    await jest.advanceTimersByTimeAsync(sharedTimeoutMs - 1);
    expect(outcomes).toEqual([]);
    expect(signal.aborted).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(outcomes).toEqual([
      {
        kind: 'retry',
        delayMs: 500,
        error:
          "The handler for topic 'orders' did not end within its timeout of 1s; make it faster, or raise its timeout.",
      },
    ]);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
    gate.reject(new Error('too late'));
    await jest.advanceTimersByTimeAsync(1);
    expect(outcomes).toHaveLength(1);
  });

  test("D2: the handler's own timeout overrides the fleet's", async () => {
    const { attempt: one, outcomes } = attempt({ handle: () => new Promise(() => {}), timeoutMs: 5_000 });
    one.start();
    await jest.advanceTimersByTimeAsync(4_999);
    expect(outcomes).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(outcomes).toHaveLength(1);
  });

  test('D2: a timeout longer than timers can be set for does not fire at once', async () => {
    const { attempt: one, outcomes } = attempt({
      handle: () => new Promise(() => {}),
      timeoutMs: Number.POSITIVE_INFINITY,
    });
    one.start();
    await jest.advanceTimersByTimeAsync(86_400_000);
    expect(outcomes).toEqual([]);
    one.interrupt({ kind: 'done' });
  });

  test('D2: an attempt that has ended leaves no timer behind', async () => {
    const gate = deferred();
    const { attempt: one } = attempt({ handle: () => gate.promise });
    one.start();
    expect(jest.getTimerCount()).toBe(1);
    gate.resolve();
    await jest.advanceTimersByTimeAsync(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('D5: a signal asked for after the abort is aborted already, with the reason', async () => {
    const gate = deferred();
    let context!: HandlerContext;
    const { attempt: one } = attempt({
      handle: (_, given) => {
        context = given;
        return gate.promise;
      },
    });
    one.start();
    const reason = new Error('shutdown');
    one.abort(reason);
    one.abort(new Error('again'));
    expect(context.signal.aborted).toBe(true);
    expect(context.signal.reason).toBe(reason);
    expect(context.signal).toBe(context.signal);
    gate.resolve();
  });

  test('D5: an interrupted attempt ends once, whatever the handler does after', async () => {
    const gate = deferred();
    const { attempt: one, outcomes } = attempt({ handle: () => gate.promise });
    one.start();
    one.interrupt({ kind: 'release', delayMs: 0 });
    gate.resolve();
    await jest.advanceTimersByTimeAsync(sharedTimeoutMs * 2);
    expect(outcomes).toEqual([{ kind: 'release', delayMs: 0 }]);
    expect(jest.getTimerCount()).toBe(0);
  });
});
