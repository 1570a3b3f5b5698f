import fc from 'fast-check';
import { escapeNul, keptError, unescapeNul, wholeMs } from '../../../src/engine/sqlserver/text.ts';

describe('text on its way into the database', () => {
  test('Q14: escaped text is restored, and contains no U+0000', () => {
    const units = fc.array(fc.constantFrom('\0', '\u0010', '0', '1', 'a', 'é', '😀'), { maxLength: 30 });
    fc.assert(
      fc.property(units, (parts) => {
        const text = parts.join('');
        const escaped = escapeNul(text);
        expect(escaped).not.toContain('\0');
        expect(unescapeNul(escaped)).toBe(text);
      }),
    );
  });

  test('Q14: an error is cut to 4,000 characters, never through one', () => {
    expect(keptError('x'.repeat(5_000))).toBe('x'.repeat(4_000));
    expect(keptError(`${'x'.repeat(3_999)}😀`)).toBe('x'.repeat(3_999));
    expect(keptError(`${'x'.repeat(3_998)}😀y`)).toBe(`${'x'.repeat(3_998)}😀`);
  });

  test('an error with half a character in it can be kept', () => {
    expect(keptError('a\ud800b')).toBe('a\ufffdb');
  });

  test.each([
    [1.2, 2],
    [-5, 0],
    [Number.NaN, 0],
    [Number.POSITIVE_INFINITY, 1_500_000_000_000],
  ])('a duration of %p ms is %p', (given, whole) => {
    expect(wholeMs(given)).toBe(whole);
  });
});
