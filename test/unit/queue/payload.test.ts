import type { StandardSchemaV1 } from '@standard-schema/spec';
import * as v from 'valibot';
import { type Message, PermanentError } from '../../../src/queue/handler.ts';
import { accepted, MessageView, validatorError } from '../../../src/queue/message-view.ts';
import { attempt } from '../../support/attempt.ts';
import { claimed } from '../../support/claimed.ts';
import { deferred, turns } from '../../support/deferred.ts';

describe('the payload', () => {
  const schema = v.object({ id: v.number() });
  const asynchronous = v.pipeAsync(
    v.object({ id: v.number() }),
    v.transformAsync(async ({ id }) => {
      await turns();
      return { id: id * 2 };
    }),
  );

  function reading(payload: string, given?: StandardSchemaV1) {
    const seen: unknown[] = [];
    const one = attempt(
      { ...(given && { schema: given }), handle: (message: Message) => void seen.push(message.data) },
      { payload },
    );
    one.attempt.start();
    return { ...one, seen };
  }

  test('without a schema, data is the parsed payload, parsed once', () => {
    const seen: unknown[] = [];
    const { attempt: one } = attempt(
      { handle: (message) => void seen.push(message.data, message.data, message.payload) },
      { payload: '{"a":[1]}' },
    );
    one.start();
    expect(seen).toEqual([{ a: [1] }, { a: [1] }, '{"a":[1]}']);
    expect(seen[0]).toBe(seen[1]);
  });

  test('a payload that is not JSON goes to Dead when its data is read, without being quoted', () => {
    const { outcomes } = reading('secret-token');
    expect(outcomes).toMatchObject([{ kind: 'dead', error: expect.stringContaining('not JSON') }]);
    expect(JSON.stringify(outcomes)).not.toContain('secret-token');
  });

  test('a handler of plain text never parses it', () => {
    const { attempt: one, outcomes } = attempt({ handle: ({ payload }) => payload }, { payload: 'plain' });
    one.start();
    expect(outcomes).toEqual([{ kind: 'done' }]);
  });

  test("section 7: with a schema, data is the schema's output", () => {
    const { seen, outcomes } = reading('{"id":1,"more":2}', schema);
    expect(seen).toEqual([{ id: 1 }]);
    expect(outcomes).toEqual([{ kind: 'done' }]);
  });

  test('D3: names of unknown fields, however long or many, leave the reason one short line', () => {
    const long = `x${'y'.repeat(1_000_000)}\nz`;
    const zodLike: StandardSchemaV1 = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({
          issues: Array.from({ length: 50 }, () => ({
            message: `Unrecognized key: "${long}"`,
            path: [long, long],
          })),
        }),
      },
    };
    const { outcomes } = reading(JSON.stringify({ id: 1, [long]: 1 }), zodLike);
    expect(outcomes).toMatchObject([{ kind: 'dead', error: expect.stringMatching(/^.{10,1800}$/) }]);
    const strict = reading(JSON.stringify({ id: 1, [long]: 1 }), v.strictObject({ id: v.number() }));
    expect(strict.outcomes).toMatchObject([{ kind: 'dead', error: expect.stringMatching(/^.{10,400}$/) }]);
  });

  test('section 7: a payload that the schema refuses goes to Dead with the reason, and is not handled', () => {
    const { seen, outcomes } = reading('{"id":"x"}', schema);
    expect(seen).toEqual([]);
    expect(outcomes).toMatchObject([{ kind: 'dead', error: expect.stringContaining('id: ') }]);
  });

  test.each<[string, string, string]>([
    ['valibot', 'Invalid type: Expected number but received "hunter2"', 'pin: Invalid type: Expected number'],
    ['zod', 'Invalid input: expected number, received hunter2', 'pin: Invalid input: expected number'],
    ['arktype', 'pin must be a number (was "hunter2")', 'pin: pin must be a number'],
    ['a validator that begins with it', "'hunter2' is not a PIN", 'pin: … is not a PIN'],
    [
      'a validator that names another field',
      'pin and hash "x" differ: hunter2',
      'pin: pin and hash … differ: …',
    ],
    ['a validator that says only the value', 'received hunter2', 'pin: is invalid'],
  ])('Q15: the error of %s does not have the refused value', (_, message, expected) => {
    const refusing: StandardSchemaV1 = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({ issues: [{ message, path: ['pin'] }] }),
      },
    };
    const { outcomes } = reading('{"pin":"hunter2","hash":["x"]}', refusing);
    expect(outcomes).toMatchObject([
      { kind: 'dead', error: expect.stringContaining(`schema: ${expected}.`) },
    ]);
    expect(JSON.stringify(outcomes)).not.toContain('hunter2');
  });

  test('section 7: a schema may accept or refuse asynchronously', async () => {
    const fits = reading('{"id":21}', asynchronous);
    expect(fits.seen).toEqual([]);
    expect(await fits.ended).toEqual({ kind: 'done' });
    expect(fits.seen).toEqual([{ id: 42 }]);

    const misfit = reading('{}', asynchronous);
    expect(await misfit.ended).toMatchObject({ kind: 'dead', error: expect.stringContaining('id') });
    expect(misfit.seen).toEqual([]);
  });

  test('section 7: of many reasons the first five are given, each with its path', () => {
    const issues: StandardSchemaV1.Issue[] = [
      { message: 'not an order' },
      { message: 'too small', path: ['items', 0, { key: 'price' }] },
      ...[3, 4, 5, 6, 7].map((n) => ({ message: `reason ${n}` })),
    ];
    const refusing: StandardSchemaV1 = {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) },
    };
    expect(reading('{}', refusing).outcomes).toMatchObject([
      {
        kind: 'dead',
        error: expect.stringMatching(
          /: not an order; items\.0\.price: too small; reason 3; reason 4; reason 5\. Enqueue/,
        ),
      },
    ]);
  });

  test("I2: only an inbox message's dedup key is its sender's id", () => {
    const seen: (string | null)[] = [];
    const handle = (message: Message) => void seen.push(message.sourceMessageId);
    attempt({ handle }, { source: 'shop', dedupKey: 'd-1' }).attempt.start();
    attempt({ handle }, { source: null, dedupKey: 'd-2' }).attempt.start();
    expect(seen).toEqual(['d-1', null]);
  });

  test('a schema whose payload is not JSON goes to Dead', () => {
    expect(reading('{', schema).outcomes).toMatchObject([{ kind: 'dead' }]);
  });

  test('a validator that throws is an ordinary error, which is retried', () => {
    const broken: StandardSchemaV1 = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate() {
          throw new Error('the validator broke');
        },
      },
    };
    expect(reading('{}', broken).outcomes).toMatchObject([{ kind: 'retry', error: 'the validator broke' }]);
  });

  test('D2: a schema that answers after the timeout does not start the handler any more', async () => {
    const gate = deferred<StandardSchemaV1.Result<unknown>>();
    const slow: StandardSchemaV1 = {
      '~standard': { version: 1, vendor: 'test', validate: () => gate.promise },
    };
    const { attempt: one, seen, outcomes } = reading('{}', slow);
    one.interrupt({ kind: 'release', delayMs: 0 });
    gate.resolve({ value: {} });
    await turns();
    expect(seen).toEqual([]);
    expect(outcomes).toEqual([{ kind: 'release', delayMs: 0 }]);
  });
});

describe('the reasons of a refused payload (Q15)', () => {
  function reasonOf(data: unknown, message: unknown, path?: StandardSchemaV1.Issue['path']): string {
    const view = new MessageView(claimed({ payload: JSON.stringify(data) }));
    try {
      accepted(view, { issues: [{ message: message as string, ...(path && { path }) }] });
    } catch (error) {
      return /schema: (.*)\. Enqueue/.exec((error as Error).message)![1]!;
    }
    throw new Error('it was accepted');
  }

  test('Q15: a value of four characters is left out anywhere, a shorter one only in quotes', () => {
    expect(reasonOf({ pin: 'abcd' }, 'pin abcd is bad')).toBe('pin … is bad');
    expect(reasonOf({ pin: 'bad' }, 'pin bad is bad')).toBe('pin bad is bad');
    expect(reasonOf(['x', 7], `"x" and 'x' and \`x\` and "7" are bad`)).toBe('… and … and … and … are bad');
  });

  test('Q15: longer values are left out before those that they contain', () => {
    const data = { a: 'hunter2', b: 'hunter', c: 'hunter22' };
    expect(reasonOf(data, 'hunter22 hunter2 hunter are equal')).toBe('… … … are equal');
  });

  test('Q15: numbers and nested texts are left out; words for null and booleans are not values', () => {
    const data = { a: [null, { b: true, c: 12_345 }], d: { e: 'deep-secret' } };
    expect(reasonOf(data, '12345 or deep-secret must be true or null')).toBe('… or … must be true or null');
  });

  test('Q15: a thousand values are looked for, and no more', () => {
    const data = Array.from({ length: 1_001 }, (_, index) => `value-${1_000 + index}`);
    expect(reasonOf(data, 'value-1000, value-1001 and value-2000 are bad')).toBe(
      'value-1000, … and … are bad',
    );
  });

  test('Q15: a reason that is not text says so, and a long one is cut', () => {
    expect(reasonOf({}, undefined, ['id'])).toBe('id: is invalid');
    expect(reasonOf({}, 'x'.repeat(250), ['id'])).toBe(`id: ${'x'.repeat(200)}…`);
    expect(reasonOf({}, 'bad', [])).toBe('bad');
  });

  test('D3: only a stack that overflows in the validator is a payload that no attempt can handle', () => {
    const named = (name: string, message: string) => Object.assign(new Error(message), { name });
    const text = 'Maximum call stack size exceeded';
    expect(validatorError(new RangeError(text))).toBeInstanceOf(PermanentError);
    for (const thrown of [
      named('TypeError', text),
      new RangeError('Invalid array length'),
      { name: 'RangeError', message: text },
      undefined,
    ])
      expect(validatorError(thrown)).toBe(thrown);
  });
});

test('D3: the handler sees each field of the message', () => {
  const message = claimed({
    topic: 'paid',
    headers: { own: 'x' },
    correlationId: 'c-1',
    orderingKey: 'k-1',
    source: 'shop',
    dedupKey: 'd-1',
    enqueuedUtc: new Date(1),
    dueUtc: new Date(2),
  });
  const { messageId, payload, headers, enqueuedUtc, dueUtc } = message;
  expect({ ...new MessageView(message) }).toEqual({
    messageId,
    topic: 'paid',
    payload,
    headers,
    correlationId: 'c-1',
    orderingKey: 'k-1',
    source: 'shop',
    sourceMessageId: 'd-1',
    enqueuedUtc,
    dueUtc,
  });
});
