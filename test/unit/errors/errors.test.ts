import { type ErrorCode, isMultiOutboxError, MultiOutboxError } from '../../../src/errors.ts';

/** The type checker compares these with the union; at run time they have no effect. */
const onlyLeases = (code: 'LEASE_LOST' | 'ABORTED') => code;
const anyCode = (code: ErrorCode) => code;

test('errors are recognised by one code, by several, or without a code', () => {
  const error: unknown = new MultiOutboxError('LEASE_LOST', 'The lease is lost.');
  expect(isMultiOutboxError(error)).toBe(true);
  expect(isMultiOutboxError(error, 'LEASE_LOST')).toBe(true);
  expect(isMultiOutboxError(error, 'ABORTED', 'LEASE_LOST')).toBe(true);
  expect(isMultiOutboxError(error, 'ABORTED')).toBe(false);
  expect(isMultiOutboxError(new Error('LEASE_LOST'), 'LEASE_LOST')).toBe(false);
});

test('the codes asked for narrow `code`', () => {
  const error: unknown = new MultiOutboxError('ABORTED', 'Stopped.');
  if (!isMultiOutboxError(error, 'LEASE_LOST', 'ABORTED')) throw error;
  expect(onlyLeases(error.code)).toBe('ABORTED');
  const other: unknown = error;
  if (!isMultiOutboxError(other)) throw other;
  // @ts-expect-error: without a code it may be any
  onlyLeases(other.code);
  expect(anyCode(other.code)).toBe('ABORTED');
});

test('an error is one line of bounded length, whatever it quotes', () => {
  expect(new MultiOutboxError('ABORTED', 'First.\r\n  Second.\u2028Third.').message).toBe(
    'First. Second. Third.',
  );
  const long = new MultiOutboxError('UNKNOWN_TENANT', `no '${'x'.repeat(10_000_000)}'; do this`, {
    tenantId: 'y'.repeat(10_000_000),
  });
  expect(long.message.length).toBeLessThanOrEqual(2_000);
  expect(long.message).toMatch(/^no 'x+…x+'; do this$/);
  expect(long.tenantId).toBe(`${'y'.repeat(64)}…`);
});
