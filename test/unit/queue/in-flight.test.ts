import { durationFigures } from '../../../src/engine/histogram.ts';
import type { ClaimedMessage } from '../../../src/engine/message.ts';
import { noListeners, RunFailures } from '../../../src/queue/failures.ts';
import { defineHandler, type Handler } from '../../../src/queue/handler.ts';
import { HandlerSet } from '../../../src/queue/handler-set.ts';
import { MessagesInFlight } from '../../../src/queue/in-flight.ts';
import { LoopBlocks } from '../../../src/queue/loop-blocks.ts';
import { Rooms } from '../../../src/queue/rooms.ts';
import { RunTally } from '../../../src/queue/tally.ts';
import { loadSettings, type SettingsInput } from '../../../src/settings.ts';
import type { RunTrace } from '../../../src/telemetry/spans.ts';
import { noTransactions } from '../../support/attempt.ts';
import { claimed } from '../../support/claimed.ts';
import { deferred, turns } from '../../support/deferred.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

const scenes: MessagesInFlight[] = [];

/** Ends what still runs, with its timers. */
afterEach(() => {
  for (const inFlight of scenes.splice(0)) inFlight.interrupt({ kind: 'release', delayMs: 0 });
});

/** What a run has in flight. Outcomes are kept until the test settles them. */
function scene(
  handlers: readonly Handler[],
  dispatchInput: SettingsInput['dispatch'] = {},
  trace?: RunTrace,
) {
  const { dispatch, retry } = loadSettings({ dispatch: dispatchInput }, {});
  const set = new HandlerSet(handlers);
  const rooms = new Rooms(set, dispatch);
  const tally = new RunTally();
  const logger = recordingLogger();
  const inFlight: MessagesInFlight = new MessagesInFlight({
    handlers: set,
    dispatch,
    rooms,
    tally,
    blocks: new LoopBlocks(),
    failures: new RunFailures({
      tenantId: 'acme',
      queue: 'outbox',
      logger,
      logsHandlerText: false,
      listeners: noListeners,
      results: tally.results,
    }),
    attempts: {
      tenant: { id: 'acme', tags: {} },
      queue: 'outbox',
      fence: 7,
      logger,
      retry: { ...retry, maxAttempts: 3 },
      timeoutMs: 60_000,
      random: () => 0,
      transactions: { ...noTransactions, transact: (_, work) => work({}) },
      trace,
    },
    onEnded: (attempt, outcome) => inFlight.end(attempt, outcome),
  });
  scenes.push(inFlight);
  const startAll = () => {
    for (let starts = 0; starts < 100 && inFlight.startNext(performance.now()); starts++);
  };
  const accept = (...messages: ClaimedMessage[]) => inFlight.accept(messages);
  return { inFlight, rooms, tally, logger, startAll, accept };
}

/** A handler of topic 'orders' whose attempts wait until the test lets each of them end. */
function waiting(fields: { concurrency?: number; retry?: { maxAttempts: number } } = {}) {
  const gates: { readonly payload: string; readonly end: (error?: Error) => void }[] = [];
  const handler = defineHandler({
    topic: 'orders',
    ...fields,
    handle({ payload }) {
      const gate = deferred();
      gates.push({ payload, end: (error) => (error ? gate.reject(error) : gate.resolve()) });
      return gate.promise;
    },
  });
  return { handler, gates };
}

const unreadable = () => claimed({ messageId: '', unreadable: 'Topic is not text' });

describe('messages in flight', () => {
  test('S5: the wait of each started message counts, and the time of each handler; not those of messages without one', async () => {
    const { handler, gates } = waiting();
    const { inFlight, startAll, accept, tally } = scene([handler], { concurrency: 2 });
    tally.times.answered(new Date(5_000), performance.now());
    accept(claimed(), claimed(), claimed(), claimed({ topic: 'nobody.handles' }), unreadable());
    startAll();
    const counts = () => {
      const { wait, handle } = tally.times;
      return [wait, handle].map(({ histogram }) => durationFigures(histogram).count);
    };
    expect(counts()).toEqual([2, 0]);
    expect(tally.times.wait.histogram.maxMs).toBeGreaterThanOrEqual(5_000);
    gates[0]!.end();
    await turns();
    startAll();
    expect(counts()).toEqual([3, 1]);
    inFlight.interrupt({ kind: 'release', delayMs: 0 });
    expect(counts()).toEqual([3, 3]);
  });

  test('Q8: a message that is in flight already is not taken twice: waiting, running or ended', async () => {
    const { handler, gates } = waiting();
    const { inFlight, startAll, accept } = scene([handler], { concurrency: 2 });
    const [ended, running, waits] = [claimed(), claimed(), claimed()];
    accept(ended, running, waits);
    startAll();
    gates[0]!.end();
    await turns();
    expect([inFlight.waiting, inFlight.running, inFlight.ended]).toEqual([1, 1, 1]);
    accept(ended, running, waits);
    expect([inFlight.waiting, inFlight.running, inFlight.ended]).toEqual([1, 1, 1]);
    accept(claimed());
    expect(inFlight.waiting).toBe(2);
  });

  test('Q8: a message whose own transaction has settled it may come again, and is not lost', async () => {
    const gate = deferred();
    const handler = defineHandler({
      topic: 'orders',
      async handle(_, { transaction }) {
        await transaction(() => {});
        await gate.promise;
      },
    });
    const { inFlight, startAll, accept, tally } = scene([handler]);
    const message = claimed();
    accept(message);
    startAll();
    expect(inFlight.unsettled).toBe(1);
    await turns();
    expect([inFlight.running, inFlight.unsettled]).toEqual([1, 0]);
    accept(message);
    expect(inFlight.waiting).toBe(1);
    gate.resolve();
    await turns();
    // Only the engine's answers settle the others; this one counts at once.
    expect(inFlight.outcomes()).toEqual([]);
    expect(tally.counts()).toMatchObject({ done: 1, lost: 0 });
  });

  test('Q15: rows whose id cannot be read are different messages', () => {
    const { handler } = waiting();
    const { inFlight, startAll, accept } = scene([handler], { concurrency: 1 });
    accept(claimed(), unreadable());
    startAll();
    accept(unreadable());
    expect(inFlight.waiting).toBe(2);
  });

  test('Q8, Q15: a row whose id cannot be read is named once, also if it is claimed again after a restore', () => {
    const { inFlight, startAll, accept } = scene([waiting().handler]);
    const row = unreadable();
    accept(row);
    accept(row);
    startAll();
    accept(row);
    startAll();
    const { sequence } = row;
    expect(inFlight.outcomes()).toEqual([expect.objectContaining({ sequence, messageId: '', kind: 'dead' })]);
  });

  test('Q8: lost if the run ends now: those that run, and those that were started and have ended', async () => {
    const { handler, gates } = waiting();
    const { inFlight, startAll, accept } = scene([handler]);
    accept(claimed(), claimed(), claimed({ topic: 'unknown' }));
    startAll();
    gates[0]!.end();
    await turns();
    expect([inFlight.ended, inFlight.unsettled]).toEqual([2, 2]);
    expect(inFlight.topics()).toEqual(['orders']);
  });

  test('D2: as many start as the run allows; a message that no handler gets takes no slot', () => {
    const { handler } = waiting();
    const { inFlight, accept } = scene([handler], { concurrency: 2 });
    accept(claimed({ topic: 'unknown' }), claimed(), claimed(), claimed());
    expect([1, 2, 3, 4].map(() => inFlight.startNext(performance.now()))).toEqual([
      expect.any(Number),
      expect.any(Number),
      expect.any(Number),
      undefined,
    ]);
    expect([inFlight.running, inFlight.waiting, inFlight.startable]).toEqual([2, 1, 1]);
    expect(scene([handler]).inFlight.startNext(performance.now())).toBeUndefined();
  });

  test('L4: what takes a span may take long: the time for the next start is later', () => {
    let tookMs = 0;
    const now = performance.now.bind(performance);
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + tookMs);
    const end = () => {
      tookMs = 60_000;
    };
    const span = { headers: {}, call: (handler: () => unknown) => handler(), end };
    const trace = { attempt: () => span } as unknown as RunTrace;
    const { inFlight, accept } = scene([defineHandler({ topic: 'orders', handle() {} })], {}, trace);
    accept(claimed());
    const startedAt = performance.now();
    expect(inFlight.startNext(startedAt)).toBeGreaterThanOrEqual(startedAt + 60_000);
    clock.mockRestore();
  });

  test('Q8: outcomes stay until they are settled, in the order in which the attempts ended', async () => {
    const { handler, gates } = waiting();
    const { inFlight, startAll, accept } = scene([handler]);
    const [one, two, three] = [claimed(), claimed(), claimed()];
    accept(one, two, three);
    startAll();
    gates[1]!.end();
    await turns();
    const sent = inFlight.outcomes();
    gates[0]!.end();
    gates[2]!.end(new Error('503'));
    await turns();
    inFlight.forget(sent);
    const ended = ({ sequence, messageId }: ClaimedMessage) => ({ sequence, messageId, started: true });
    expect(sent).toEqual([{ ...ended(two), kind: 'done' }]);
    expect(inFlight.outcomes()).toEqual([
      { ...ended(one), kind: 'done' },
      { ...ended(three), kind: 'retry', delayMs: 0, error: '503' },
    ]);
    expect(inFlight.running).toBe(0);
  });

  test('D5: what has not started is released at once, and was not started', () => {
    const { handler } = waiting();
    const { inFlight, startAll, accept } = scene([handler], { concurrency: 1 });
    const [runs, free, keyed] = [claimed(), claimed(), claimed({ orderingKey: 'k' })];
    accept(runs, free, keyed);
    startAll();
    inFlight.releaseWaiting();
    expect(inFlight.outcomes()).toEqual(
      [free, keyed].map(({ sequence, messageId }) => ({
        sequence,
        messageId,
        kind: 'release',
        delayMs: 0,
        started: false,
      })),
    );
    expect([inFlight.waiting, inFlight.running]).toEqual([0, 1]);
  });

  test('D5: an interruption ends all that run', () => {
    const { handler } = waiting();
    const { inFlight, startAll, accept } = scene([handler]);
    accept(claimed(), claimed(), claimed());
    startAll();
    inFlight.interrupt({ kind: 'release', delayMs: 5 });
    expect(inFlight.running).toBe(0);
    expect(inFlight.outcomes()).toMatchObject(Array(3).fill({ kind: 'release', delayMs: 5, started: true }));
  });

  test("Q7: a message past its maximum of attempts goes to Dead; the handler's own maximum comes first", () => {
    const own = defineHandler({ topic: 'own', retry: { maxAttempts: 5 }, handle() {} });
    const fleet = defineHandler({ topic: 'fleet', handle() {} });
    const { inFlight, startAll, accept } = scene([own, fleet]);
    for (const topic of ['own', 'fleet'])
      for (const attempt of [3, 4, 5, 6]) accept(claimed({ topic, attempt, payload: `${topic} ${attempt}` }));
    startAll();
    expect(inFlight.outcomes().map(({ kind, started }) => `${kind} ${started}`)).toEqual([
      'done true',
      'done true',
      'done true',
      'dead false',
      'done true',
      'dead false',
      'dead false',
      'dead false',
    ]);
  });

  test('D4, S1: a topic without a handler counts as one, and Dead messages are logged', () => {
    const { tally, logger, startAll, accept } = scene([], { unhandledTopics: 'dead' });
    const message = claimed({ topic: 'unknown', attempt: 2 });
    accept(message, unreadable());
    startAll();
    expect(tally.topics()).toEqual(['unknown']);
    expect(logger.lines.map(({ level, fields }) => [level, fields])).toMatchObject([
      ['warn', { messageId: message.messageId, topic: 'unknown', attempts: 1 }],
      ['warn', { messageId: '' }],
    ]);
  });

  test.each([
    ['block', 'dead', []],
    ['continue', 'dead', ['k2']],
    ['continue', 'retry', []],
    ['block', 'done', ['k2']],
  ] as const)('Q10: onDead %s: after %s, %j starts', async (onDead, kind, following) => {
    const { handler, gates } = waiting({ retry: { maxAttempts: kind === 'dead' ? 1 : 2 } });
    const { inFlight, startAll, accept } = scene([handler], { onDead });
    accept(claimed({ orderingKey: 'k', payload: 'k1' }), claimed({ orderingKey: 'k', payload: 'k2' }));
    startAll();
    gates[0]!.end(kind === 'done' ? undefined : new Error('503'));
    await turns();
    startAll();
    expect(gates.slice(1).map(({ payload }) => payload)).toEqual(following);
    expect(inFlight.outcomes().map((outcome) => outcome.kind)).toEqual(
      following.length > 0 ? [kind] : [kind, 'release'],
    );
  });

  test('Q4, Q10: a claimed message uses room until it ends; one behind another of its group, once it is unblocked', async () => {
    const { handler, gates } = waiting({ concurrency: 2 });
    const { rooms, startAll, accept } = scene([handler]);
    const room = () => rooms.forClaim()![0]!.room;
    expect(room()).toBe(4);
    for (const key of ['k', 'k', 'j']) accept(claimed({ orderingKey: key }));
    expect(room()).toBe(2);
    startAll();
    gates[0]!.end();
    await turns();
    expect(room()).toBe(2);
    startAll();
    for (const gate of gates) gate.end();
    await turns();
    expect(room()).toBe(6);
  });
});
