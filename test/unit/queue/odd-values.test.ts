import { createMultiOutbox, deadline, drainFirst, priority, weighted } from '../../../src/index.ts';
import { newMessage } from '../../../src/queue/message.ts';

const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;

describe.each<[string, unknown]>([
  ['a BigInt', 1n],
  ['a cycle', cyclic],
  ['a symbol', Symbol('s')],
  ['a text of 10 MB', 'x'.repeat(10_000_000)],
])('%s in a field', (_, value) => {
  test.each(['messageId', 'delay', 'topic', 'dedupKey', 'headers'])(
    '%s is refused on one short line',
    (field) => {
      const given = { topic: 't', payload: 1, [field]: value };
      const refused = expect(() => newMessage(given as never));
      refused.toThrow(
        expect.objectContaining({ code: 'INVALID_MESSAGE', message: expect.stringMatching(/^.{1,300}$/) }),
      );
    },
  );
});

test.each([deadline, drainFirst, priority, weighted])('F4: %p works without an argument', (create) => {
  expect(create().choose([], 5, 1)).toEqual([]);
});

test.each([[null], [7], ['sqlite:registry.db']])('createMultiOutbox refuses %j as its options', (options) => {
  expect(() => createMultiOutbox(options as never)).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIGURATION' }),
  );
});
