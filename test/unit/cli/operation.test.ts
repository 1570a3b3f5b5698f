import { changedText, countedText, throwUnlessDone } from '../../../src/cli/output/operation.ts';

const words = { would: 'would be replayed', did: 'replayed' };
const tenants = [
  { tenantId: 'acme', count: 2, atLeast: false },
  { tenantId: 'beta', count: 0, atLeast: true },
];

test('S3: a count that ended early is shown as at least so many', () => {
  const nothing = 'Nothing was changed; add --yes to make the change.';
  expect(countedText({ count: 2, atLeast: true, tenants, failures: [] }, 3, 'message', words)).toBe(
    `acme: 2\nbeta: at least 0\nAt least 2 messages would be replayed. ${nothing}`,
  );
  const [acme] = tenants;
  expect(countedText({ count: 2, atLeast: false, tenants: [acme!], failures: [] }, 1, 'message', words)).toBe(
    `2 messages would be replayed. ${nothing}`,
  );
  expect(countedText({ count: 0, atLeast: true, tenants, failures: [] }, 1, 'message', words)).toBe(
    `At least 0 messages would be replayed. ${nothing}`,
  );
  expect(countedText({ count: 0, atLeast: false, tenants: [], failures: [] }, 1, 'message', words)).toBe(
    'No message matches.',
  );
});

test('a count says nothing of tenants that could not be read', () => {
  const failures = [{ tenantId: 'void', code: 'DATABASE_ERROR', message: 'away' }];
  const text = (selected: number) =>
    countedText({ count: 0, atLeast: false, tenants: [], failures }, selected, 'message', words);
  expect(text(1)).toBe('');
  expect(text(3)).toBe('No message matches in 2 of 3 tenants; 1 could not be read.');
});

test.each([
  ['done', false, 'replayed. This was operation 7.', null],
  ['done', true, 'replayed, and then another process took over operation 7.', /^Another process took over/],
  [
    'running',
    true,
    'replayed, and then another process took over operation 7.',
    /^Another process took over/,
  ],
  ['running', false, 'replayed, and then operation 7 was interrupted.', /operations resume 7/],
  ['cancelled', false, 'replayed, and then operation 7 was cancelled.', /was cancelled before its end/],
] as const)('S3: an operation that ends as %s, taken over: %s', (state, takenOver, text, error) => {
  const operation = { id: '7', state, takenOver };
  expect(changedText({ count: 1, tenants: [] }, 1, 'message', words, operation)).toBe(`1 message ${text}`);
  const check = () => throwUnlessDone(operation);
  if (error === null) expect(check).not.toThrow();
  else expect(check).toThrow(error);
});
