import type { StandardSchemaV1 } from '@standard-schema/spec';
import * as v from 'valibot';
import { type Message, PermanentError } from '../../../src/queue/handler.ts';
import { MessageView, validatorError } from '../../../src/queue/message-view.ts';
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
    const refusing = {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) },
      entries: { items: { price: {} } },
      texts: issues.map(({ message }) => message),
    } as StandardSchemaV1;
    expect(reading('{"items":[1]}', refusing).outcomes).toMatchObject([
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
