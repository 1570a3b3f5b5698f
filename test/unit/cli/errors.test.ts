import { errorReport, FailedError, TroubledError, UsageError } from '../../../src/cli/errors.ts';
import { MultiOutboxError } from '../../../src/errors.ts';

test.each([
  ['wrong usage', new UsageError('No.'), { code: 'USAGE', message: 'No.', exitCode: 2 }],
  [
    'a trouble that was asked for',
    new TroubledError('No.'),
    { code: 'TROUBLED', message: 'No.', exitCode: 3 },
  ],
  ['a failure', new FailedError('No.'), { code: 'FAILED', message: 'No.', exitCode: 1 }],
  [
    'a refused argument',
    new MultiOutboxError('INVALID_TENANT', 'No.'),
    { code: 'INVALID_TENANT', message: 'No.', exitCode: 2 },
  ],
  [
    'trouble with a database',
    new MultiOutboxError('DATABASE_LOCKED', 'First.\nSecond.'),
    { code: 'DATABASE_LOCKED', message: 'First. Second.', exitCode: 1 },
  ],
  [
    'text that was thrown',
    'boom',
    { code: 'UNEXPECTED', message: expect.stringContaining('type string was thrown'), exitCode: 1 },
  ],
  [
    'anything else',
    new TypeError('x is not a function'),
    { code: 'UNEXPECTED', message: expect.stringMatching(/x is not a function\. .*--verbose/), exitCode: 1 },
  ],
])('%s becomes one line, a code and an exit code', (_what, error, expected) => {
  expect(errorReport(error)).toEqual(expected);
});
