import { isMultiOutboxError } from '../../../src/errors.ts';
import { parseOutboxMessages } from '../../../src/outbox/message-format.ts';

function refusal(input: unknown): string {
  return refusalOfText(JSON.stringify(input));
}

function refusalOfText(json: string): string {
  try {
    parseOutboxMessages(json, 3);
  } catch (error) {
    if (isMultiOutboxError(error, 'INVALID_MESSAGE')) return error.message;
    throw error;
  }
  throw new Error('Nothing was refused.');
}

const full = {
  topic: 'order.created',
  payload: { id: 7 },
  messageId: '0198b3f0-0000-7000-8000-000000000001',
  headers: { traceparent: 'x' },
  correlationId: 'c',
  orderingKey: 'o',
  dedupKey: 'd',
  delay: '5m',
};

describe('messages from outside', () => {
  test('one message, or an array of them, comes back unchanged', () => {
    const asText = { ...full, payload: '{"id":7}' };
    expect(parseOutboxMessages(JSON.stringify(full), 3)).toEqual(asText);
    expect(parseOutboxMessages(JSON.stringify([full, { topic: 't', payload: null }]), 3)).toEqual([
      asText,
      { topic: 't', payload: 'null' },
    ]);
  });

  test.each<[string, unknown, RegExp]>([
    [
      'an unknown field',
      { ...full, priorty: 1 },
      /priorty of the message is not a field of a message; remove it\.$/,
    ],
    ['no topic', { payload: 1 }, /topic of the message is missing\.$/],
    ['no payload', { topic: 't' }, /payload of the message is missing\.$/],
    ['a topic that is not text', { ...full, topic: 7 }, /topic of the message must be text\.$/],
    ['headers that are null', { ...full, headers: null }, /headers of the message must be an object\.$/],
    ['headers that are none', { ...full, headers: 'secret' }, /headers of the message must be an object\.$/],
    [
      'a header that is not text',
      { ...full, headers: { a: 1 } },
      /headers\.a of the message must be text\.$/,
    ],
    ['a delay that is none', { ...full, delay: {} }, /delay of the message must be milliseconds or text/],
    [
      'its place among several',
      [full, { ...full, topic: 1 }],
      /topic of the message at index 1 must be text/,
    ],
    ['text', 'secret', /the message is not an object\.$/],
    ['nothing', null, /the message is not an object\.$/],
    ['none', [], /the array is empty; send at least one message\.$/],
    [
      'too many',
      [full, full, full, full],
      /there are 4, but one request may have at most 3; send them in several requests\.$/,
    ],
  ])('the error names %s and quotes nothing', (_name, input, problem) => {
    expect(refusal(input)).toMatch(problem);
    expect(refusal(input)).not.toContain('secret');
  });

  test.each<[string, (name: string) => string]>([
    ['an unknown field', (name) => JSON.stringify({ ...full, [name]: 1 })],
    ['a header that is not text', (name) => JSON.stringify({ ...full, headers: { [name]: 1 } })],
    [
      'a field that is there twice',
      (name) => `{"topic":"t","payload":1,"headers":{"${name}":"a","${name}":"b"}}`,
    ],
  ])('the name of %s does not make the error long', (_, textWith) => {
    expect(refusalOfText(textWith('n'.repeat(1_000_000)))).toMatch(/^.{10,300}$/);
  });

  test.each([
    '9007199254740993',
    '1.10',
    '-0',
    '1E400',
    '{"b":1,"a":2,"10":3,"2":4}',
    '{"a":1,"a":2}',
    '{"__proto__":{"admin":true},"constructor":1,"prototype":[]}',
    '[ 1,\n\t{"text":"} ] \\\\\\" ,"} ]',
    '{"nested":{"deep":[[[{"big":12345678901234567890.0123456789}]]]}}',
    `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  ])('Q14: the payload %.60s is kept as it came', (payload) => {
    const one = `{ "topic" : "t" , "payload" : ${payload} , "dedupKey":"d" }`;
    expect(parseOutboxMessages(one, 3)).toMatchObject({ topic: 't', payload, dedupKey: 'd' });
    expect(parseOutboxMessages(` [ ${one},${one} ] `, 3)).toMatchObject([{ payload }, { payload }]);
  });

  test('Q14: a payload that is text is that text', () => {
    const json = String.raw`{"topic":"t","payload":"a\"\u0041\\"}`;
    expect(parseOutboxMessages(json, 3)).toMatchObject({ payload: 'a"A\\' });
  });

  test.each([
    ['a field', '{"topic":"t","payload":1,"payload":2}', /'payload' twice/],
    ['a field, once escaped', String.raw`{"topic":"t","payload":1,"p\u0061yload":2}`, /'payload' twice/],
    ['a header', '{"topic":"t","payload":1,"headers":{"a":"1","a":"2"}}', /'a' twice/],
  ])('Q15: %s that is there twice is refused, because one of the two would be lost', (_, json, problem) => {
    expect(refusalOfText(json)).toMatch(problem);
  });

  test.each(['__proto__', 'constructor', 'prototype'])(
    'Q15: %s is refused as field and as header',
    (name) => {
      expect(refusalOfText(`{"topic":"t","payload":1,"${name}":1}`)).toMatch(/is not a field of a message/);
      expect(refusalOfText(`{"topic":"t","payload":1,"headers":{"${name}":"1"}}`)).toMatch(
        /must not have a name/,
      );
    },
  );
});
