import { execFileSync } from 'node:child_process';
import path from 'node:path';
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

test('D3: a rejected promise that passes no rejection on does not end the process', () => {
  const file = JSON.stringify(path.join(__dirname, '../../../src/errors.ts'));
  const script = `
    import { adopted, ignoreRejection } from ${file};
    const silent = () => Object.assign(Promise.reject(new Error('refused')), { then() {} });
    adopted(silent());
    ignoreRejection(silent());`;
  expect(() =>
    execFileSync(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'pipe' }),
  ).not.toThrow();
});
