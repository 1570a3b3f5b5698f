import { isMultiOutboxError } from '../../../src/errors.ts';
import { parseOutboxMessages } from '../../../src/outbox/message-format.ts';

function refusal(input: unknown, maxMessages = 3): string {
  try {
    parseOutboxMessages(input, maxMessages);
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
    expect(parseOutboxMessages(full, 3)).toEqual([full]);
    expect(parseOutboxMessages([full, { topic: 't', payload: null }], 3)).toEqual([
      full,
      { topic: 't', payload: null },
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
    ['text', '"secret"', /the message is not an object\.$/],
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
});
