import { fingerprintOf, foldedError } from '../../../src/fleet/messages/errors.ts';

test.each([
  ['Order 17 of "Ada" was refused', 'Order 81 of "Grace" was refused', 'Order <n> of <text> was refused'],
  [
    'no customer 0b0ab2c4-6a2b-4e1e-9f5e-0c9f6b1f1a11',
    'no customer 1C1AB2C4-6A2B-4E1E-9F5E-0C9F6B1F1A22',
    'no customer <id>',
  ],
  ['HTTP 503 after 1,250 ms', 'HTTP 503 after 98.5 ms', 'HTTP <n> after <n> ms'],
  ["can't find 'a' in `b`", "can't find 'c' in `d`", "can't find <text> in <text>"],
  ['hash 9f86d081884c7d65 differs', 'hash 60303ae22b998861 differs', 'hash <id> differs'],
  ['connect ECONNREFUSED 10.0.0.7:443', 'connect ECONNREFUSED 10.0.0.9:8443', 'connect ECONNREFUSED <n>'],
  ['two\n  lines', 'two lines', 'two lines'],
])('S3: %j and %j have one fingerprint', (one, other, folded) => {
  expect(foldedError(one)).toBe(folded);
  expect(foldedError(other)).toBe(folded);
  expect(fingerprintOf(foldedError(one))).toMatch(/^[0-9a-f]{12}$/);
});

test('S3: other words are another error', () => {
  expect(foldedError('ECONNREFUSED')).not.toBe(foldedError('ECONNRESET'));
  expect(foldedError('It failed on Monday')).not.toBe(foldedError('It failed on Friday'));
});

test.each([
  ['1234567a9', '<id>'],
  ['A1_bcdef2Z', '<id>'],
  ['1a2', '<n>a<n>'],
  ['abcdefgh', 'abcdefgh'],
  ['abcdefg1', 'abcdefg<n>'],
  ['1abcdefg', '<n>abcdefg'],
  ['1234____5678', '<n>____<n>'],
  ['x12345678', 'x<n>'],
])('S3: in a long word, only a letter between two digits makes an id: %s', (word, folded) => {
  expect(foldedError(word)).toBe(folded);
});

test('S3: a long word of digits and then letters is folded at once, without trying how they combine', () => {
  expect(foldedError(`${'1'.repeat(2_000)}${'a'.repeat(2_000)}`)).toBe(`<n>${'a'.repeat(197)}`);
  expect(foldedError(`${'1a'.repeat(1_999)}1_`)).toBe('<id>');
});
