import type { InvocationContext } from '@azure/functions';
import { loggingStackOnce } from '../../../functions/failures.ts';
import { MultiOutboxError } from '../../../src/errors.ts';
import { hostileValues } from '../../support/hostile.ts';

/** What the handler throws, and what it has logged before. */
async function failing(error: unknown) {
  const logged: unknown[] = [];
  const context = { error: (line: unknown) => logged.push(line) } as unknown as InvocationContext;
  const handler = loggingStackOnce(async () => {
    throw error;
  });
  const thrown: Error = await handler(undefined, context).then(
    () => {
      throw new Error('it must throw');
    },
    (reason) => reason,
  );
  return { thrown, logged };
}

const isCall = /^\s+at /m;

test('the stack of an unexpected error is in the log once, and not in the error that the host logs', async () => {
  const { thrown, logged } = await failing(new TypeError('x is not a function'));
  expect(logged).toEqual([expect.stringMatching(isCall)]);
  expect(thrown.message).toContain('x is not a function');
  expect(thrown.stack).not.toMatch(isCall);
});

test('an error of the library keeps its code and text, and needs no stack', async () => {
  const { thrown, logged } = await failing(
    new MultiOutboxError('DATABASE_UNREACHABLE', 'The registry does not answer.'),
  );
  expect(logged).toEqual([]);
  expect(thrown.message).toBe('DATABASE_UNREACHABLE: The registry does not answer.');
  expect(thrown.stack).not.toMatch(isCall);
});

test.each(Object.entries(hostileValues))(
  'whatever is thrown (%s), the host gets an error',
  async (_, make) => {
    const { thrown } = await failing(make());
    expect(thrown).toBeInstanceOf(Error);
  },
);
