import { activityOf } from '../../../src/console/tenants/activity.ts';
import { type ErrorCode, MultiOutboxError } from '../../../src/errors.ts';
import type { MultiOutbox } from '../../../src/multi-outbox.ts';

/** A registry whose answer about every tenant is this error. */
const failing = (code: ErrorCode): Pick<MultiOutbox, 'history'> => ({
  history: () => Promise.reject(new MultiOutboxError(code, 'No history.')),
});

test('S4: tenants that are not known have no activity, and a registry that does not answer is an error', async () => {
  const ids = Array.from({ length: 20 }, (_, nth) => `t-${nth}`);
  expect(await activityOf(failing('UNKNOWN_TENANT'), ids, new Date())).toEqual({});
  await expect(activityOf(failing('DATABASE_UNREACHABLE'), ids, new Date())).rejects.toMatchObject({
    code: 'DATABASE_UNREACHABLE',
  });
});
