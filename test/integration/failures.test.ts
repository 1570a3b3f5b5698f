/** S1: a failed attempt is visible at once: in the log, on standard error without a logger, and to code. */
import type { MultiOutboxOptions } from '../../src/multi-outbox.ts';
import type { DeadMessage, FailedAttempt } from '../../src/queue/failures.ts';
import { defineInboxHandler, type Handler, PermanentError } from '../../src/queue/handler.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();
const neverAgain = { retry: { baseMs: '1h' } } as const;

/** Two tenants with a message each, which the handler refuses. */
async function failing(thrown: () => unknown, options: MultiOutboxOptions = {}) {
  const logger = recordingLogger();
  const { handlers } = noting(() => {
    throw thrown();
  });
  const face = await place.fleet(['a', 'b'], { handlers, logger, ...neverAgain, ...options });
  return { face, logger };
}

const about = (lines: ReturnType<typeof recordingLogger>['lines'], message: string) =>
  lines.filter((line) => line.message.startsWith(message));

test('S1: the first failed attempt is logged with its message and next try; its text only when the operator allows it', async () => {
  const refused = () => Object.assign(new Error('card 4711 was refused'), { code: 'ECONNREFUSED' });
  for (const handlerErrorText of [false, true]) {
    const { face, logger } = await failing(refused, { telemetry: { handlerErrorText } });
    const { messageId } = await face.outbox('a').enqueue({ topic: 'orders', payload: 'x' });
    await face.tick();
    const [line] = about(logger.lines, 'An attempt failed');
    expect(line).toMatchObject({
      level: 'warn',
      fields: {
        tenantId: 'a',
        queue: 'outbox',
        messageId,
        topic: 'orders',
        attempt: 1,
        nextTryInMs: expect.any(Number),
        error: handlerErrorText ? 'card 4711 was refused' : 'Error (ECONNREFUSED)',
      },
    });
    const [stack] = about(logger.lines, 'The stack');
    expect(stack).toMatchObject({ level: 'debug', fields: { messageId } });
    expect(stack!.fields.stack).toMatch(/^at .*failures\.test/);
    expect(JSON.stringify(logger.lines).includes('4711')).toBe(handlerErrorText);
    await place.clear();
  }
});

test('S1: a topic that always fails does not fill the log; the log says how much it left out', async () => {
  const { face, logger } = await failing(() => new Error('down'));
  for (const id of ['a', 'b'])
    await face.outbox(id).enqueue(Array.from({ length: 20 }, () => ({ topic: 'orders', payload: 'x' })));
  await face.tick();
  expect(about(logger.lines, 'An attempt failed')).toHaveLength(10);
  await face.close();
  expect(about(logger.lines, 'More of these')).toMatchObject([
    { level: 'warn', fields: { kind: 'retried', topic: 'orders', leftOut: 30 } },
  ]);
});

test('S1: onError gets what the handler threw, and onDeadMessage the message that is Dead', async () => {
  const error = new PermanentError('never');
  const events: (FailedAttempt | DeadMessage)[] = [];
  const { face } = await failing(() => error, {
    onError: (failure) => events.push(failure),
    onDeadMessage: (dead) => events.push(dead),
  });
  const { messageId } = await face.outbox('a').enqueue({ topic: 'orders', payload: 'x' });
  await face.tick();
  const of = { tenantId: 'a', queue: 'outbox', messageId, topic: 'orders' };
  expect(events).toEqual([
    { ...of, attempt: 1, error, nextTryInMs: null },
    { ...of, attempts: 1, reason: 'never' },
  ]);
  expect((events[0] as FailedAttempt).error).toBe(error);
});

test('S1: a message that goes to Dead without a start is told to onDeadMessage only', async () => {
  const events: unknown[] = [];
  const { face } = await failing(() => new Error('not called'), {
    dispatch: { unhandledTopics: 'dead' },
    onError: (failure) => events.push(failure),
    onDeadMessage: ({ topic, attempts }) => events.push({ topic, attempts }),
  });
  await face.outbox('a').enqueue({ topic: 'unknown', payload: 'x' });
  await face.tick();
  expect(events).toEqual([{ topic: 'unknown', attempts: 0 }]);
});

test('S1: a callback that always throws does not fill the log', async () => {
  const { face, logger } = await failing(() => new Error('down'), {
    onError() {
      throw new Error('secret');
    },
  });
  await face.outbox('a').enqueue(Array.from({ length: 25 }, () => ({ topic: 'orders', payload: 'x' })));
  await face.tick();
  expect(about(logger.lines, 'A callback failed')).toHaveLength(10);
  await face.close();
  expect(about(logger.lines, 'More of these').map(({ fields }) => fields)).toContainEqual({
    kind: 'callback',
    callback: 'createMultiOutbox: onError',
    leftOut: 15,
  });
});

test.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw new Error('secret');
    },
  ],
  ['rejects', () => Promise.reject(new Error('secret'))],
  ['never ends', () => new Promise(() => {})],
])('D8: onError and onDeadMessage that %s change no outcome', async (_, callback) => {
  const { face, logger } = await failing(() => new PermanentError('never'), {
    onError: callback as () => void,
    onDeadMessage: callback as () => void,
  });
  await face.outbox('a').enqueue({ topic: 'orders', payload: 'x' });
  const { runs } = await face.tick();
  expect(runs.find(({ tenantId }) => tenantId === 'a')).toMatchObject({
    outcome: 'dispatched',
    counts: { dead: 1 },
  });
  if (_ === 'never ends') return;
  await until('both are logged', () => about(logger.lines, 'A callback failed').length === 2);
  expect(about(logger.lines, 'A callback failed').map(({ fields }) => fields.callback)).toEqual([
    'createMultiOutbox: onError',
    'createMultiOutbox: onDeadMessage',
  ]);
  expect(JSON.stringify(logger.lines)).not.toContain('secret');
});

test('S1: a callback that is not a function is refused', () => {
  expect(() => place.face({ onError: 'x' as never })).toThrow(/'onError' must be a function/);
});

describe('S1: without a logger', () => {
  const { handlers } = noting(() => {
    throw new Error('two\nlines 100%d');
  });

  async function written(telemetry: MultiOutboxOptions['telemetry'], its: Handler[] = handlers) {
    const lines: string[] = [];
    const keep = (format: string, text: string) => lines.push(`${format} ${text}`);
    const warn = jest.spyOn(console, 'warn').mockImplementation(keep);
    const error = jest.spyOn(console, 'error').mockImplementation(keep);
    try {
      const face = await place.fleet(['a'], { handlers: its, ...neverAgain, telemetry: { ...telemetry } });
      await face.outbox('a').enqueue({ topic: 'orders', payload: 'x' });
      await face.tick();
      await face.close();
    } finally {
      warn.mockRestore();
      error.mockRestore();
    }
    return lines;
  }

  test('warnings and errors go to standard error, one line each', async () => {
    const lines = await written({ logToConsole: true, handlerErrorText: true });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^%s multi-outbox warn: An attempt failed; the message is tried again\. /);
    expect(lines[0]).toMatch(/ tenantId=a .* topic=orders attempt=1 .* error="two\\nlines 100%d"$/);
    expect(lines[0]).not.toContain('\n');
  });

  test('a setting silences it', async () => {
    expect(await written({ logToConsole: false })).toEqual([]);
  });
});

describe('S1: a topic that fails is shown with its tenant', () => {
  const failingTopics = async (face: Awaited<ReturnType<typeof failing>>['face']) =>
    (await face.tenants.get('a')).schedule.failingTopics;

  test('from the first failed attempt until an attempt succeeds', async () => {
    let isDown = true;
    const { handlers } = noting(() => {
      if (isDown) throw Object.assign(new Error('card 4711 was refused'), { code: 'ECONNREFUSED' });
    });
    const face = await place.fleet(['a', 'b'], { handlers, ...neverAgain });
    const { messageId } = await face.outbox('a').enqueue({ topic: 'orders', payload: '1' });
    await face.tick();
    expect(await failingTopics(face)).toEqual([
      {
        queue: 'outbox',
        topic: 'orders',
        source: null,
        sinceUtc: expect.any(Date),
        lastUtc: expect.any(Date),
        failures: 1,
        messageId,
        error: 'Error (ECONNREFUSED)',
      },
    ]);
    expect((await face.worst()).tenants.map(({ id }) => id)).toEqual(['a']);
    expect(await face.status()).toMatchObject({ withFailingTopics: 1 });
    isDown = false;
    await face.outbox('a').enqueue({ topic: 'orders', payload: '2' });
    await face.tick();
    expect(await failingTopics(face)).toEqual([]);
    expect(await face.status()).toMatchObject({ withFailingTopics: 0 });
  });

  test('for each source by itself: one that works does not end the failures of another', async () => {
    const handlers = [
      defineInboxHandler({
        topic: 'paid',
        handle({ source }) {
          if (source === 'bank') throw new Error('down');
        },
      }),
    ];
    const face = await place.fleet(['a'], { handlers, ...neverAgain });
    const from = (source: string) => ({ source, messageId: '1', topic: 'paid', payload: '' });
    await face.inbox('a').receive([from('bank'), from('shop')]);
    await face.tick();
    expect(await failingTopics(face)).toMatchObject([{ queue: 'inbox', topic: 'paid', source: 'bank' }]);
    await face.inbox('a').receive({ ...from('shop'), messageId: '2' });
    await face.tick();
    expect(await failingTopics(face)).toHaveLength(1);
  });

  test('a message that no attempt is left for makes its handler’s topic fail; one without a handler does not', async () => {
    const { face } = await failing(() => new PermanentError('never'), {
      dispatch: { unhandledTopics: 'dead' },
    });
    await face.outbox('a').enqueue([
      { topic: 'unknown', payload: 'x' },
      { topic: 'orders', payload: 'x' },
    ]);
    await face.tick();
    expect((await failingTopics(face)).map(({ topic }) => topic)).toEqual(['orders']);
  });
});
