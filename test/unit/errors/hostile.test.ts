import { describeError, errorText, isError, isMultiOutboxError } from '../../../src/errors.ts';
import { outcomeOfError, outcomeOfInterruption } from '../../../src/queue/outcome.ts';
import { hostileValues } from '../../support/hostile.ts';

const policy = { maxAttempts: 3, baseMs: 1_000, maxDelayMs: 8_000 };

describe.each(Object.entries(hostileValues))('D3: %s, thrown by foreign code', (_, make) => {
  test('has a text, a description and an outcome', () => {
    expect(errorText(make())).toEqual(expect.stringMatching(/\S/));
    expect(describeError(make())).toEqual({ code: 'INTERNAL', message: expect.stringMatching(/\S/) });
    expect(typeof isError(make())).toBe('boolean');
    expect(isMultiOutboxError(make())).toBe(false);
    expect(outcomeOfError(make(), 1, policy)).toMatchObject({ kind: 'retry' });
    expect(outcomeOfInterruption(make())).toMatchObject({ kind: 'release' });
  });
});
