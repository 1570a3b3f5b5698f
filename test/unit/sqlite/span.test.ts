import { spanOf } from '../../../src/engine/sqlite/queue/span.ts';

const messages = (...sequences: number[]) => sequences.map((sequence) => ({ sequence }));

describe('spans of sequences', () => {
  test.each([
    [[7], { first: 7, last: 7 }],
    [[1, 2, 3], { first: 1, last: 3 }],
    [[12, 10, 11, 13], { first: 10, last: 13 }],
    [[2 ** 53 - 1, 2 ** 53 - 2], { first: 2 ** 53 - 2, last: 2 ** 53 - 1 }],
  ])('Q8: %j is a span', (sequences, span) => {
    expect(spanOf(messages(...sequences))).toEqual(span);
  });

  test.each([
    ['none', []],
    ['one missing', [1, 2, 4]],
    ['one repeated, in the place of another', [1, 3, 3]],
    ['one repeated, out of order', [4, 1, 2, 4]],
    ['one repeated', [5, 5]],
  ])('Q8: no span: %s', (_, sequences) => {
    expect(spanOf(messages(...sequences))).toBeUndefined();
  });
});
