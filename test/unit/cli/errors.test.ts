import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
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

test('docs/errors.md names every code that the command line gives an error of its own', () => {
  const root = path.join(__dirname, '../../..');
  const codes = globSync('src/cli/**/*.ts', { cwd: root }).flatMap((file) =>
    [...readFileSync(path.join(root, file), 'utf8').matchAll(/\bcode: '([A-Z_]+)'/g)].map(
      ([, code]) => code!,
    ),
  );
  expect(codes).toEqual(expect.arrayContaining(['USAGE', 'ENDED_IN_FLIGHT']));
  const document = readFileSync(path.join(root, 'docs/errors.md'), 'utf8');
  expect(codes.filter((code) => !document.includes(`\`${code}\``))).toEqual([]);
});
