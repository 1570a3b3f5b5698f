import { randomUUID } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { MultiOutboxError } from '../../../src/errors.ts';
import { HeldLease, type HeldLeaseOptions } from '../../../src/lease/lease.ts';
import { deferred } from '../../support/deferred.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

const durationMs = 60_000;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const pass = (seconds: number) => jest.advanceTimersByTimeAsync(1_000 * seconds);
const later = (ms: number) => new Date(Date.now() + ms);

/** A lease of a minute, just acquired; its database renews and releases it by default. */
const acquisitionId = randomUUID();

function held(fields: Partial<HeldLeaseOptions> = {}) {
  const renew = jest.fn(async () => ({
    status: 'renewed' as const,
    expiresInMs: durationMs,
    expiresUtc: later(durationMs),
  }));
  const release = jest.fn(async () => true);
  const closed = new AbortController();
  const logger = recordingLogger();
  const lease = new HeldLease({
    ref: { name: 'report', owner: 'host-1', fence: 7, acquisitionId },
    tenantId: 'acme',
    durationMs,
    acquired: {
      status: 'acquired',
      fence: 7,
      acquisitionId,
      expiresInMs: durationMs,
      expiresUtc: later(durationMs),
    },
    sentAt: performance.now(),
    renew,
    release,
    signal: undefined,
    closed: closed.signal,
    logger,
    ...fields,
  });
  return { lease, renew, release, closed, logger };
}

const lost = (why: string) => ({
  code: 'LEASE_LOST',
  tenantId: 'acme',
  message: `The lease 'report' is lost: ${why}; stop the work it protected and take the lease again.`,
});

test.each(['renew', 'release'] as const)('L5: %s refuses an option that it does not have', async (call) => {
  const { lease, ...calls } = held();
  const refused = lease[call](...([{ durationMs: 1 }] as never[]));
  await expect(refused).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(new RegExp(`^${call} takes no further argument`)),
  });
  expect(calls[call]).not.toHaveBeenCalled();
  await lease.release();
});

describe('renewing by hand (L5)', () => {
  test('L4: it postpones the heartbeat’s next renewal, and restarts the lease’s time', async () => {
    const { lease, renew } = held();
    await pass(15);
    await lease.renew();
    expect(lease.expiresAt).toEqual(later(durationMs));
    await pass(15);
    expect(renew).toHaveBeenCalledTimes(1);
    await pass(5);
    expect(renew).toHaveBeenCalledTimes(2);
    await lease.release();
  });

  test('L5: a lease that another holder has taken is lost at once, with no further call', async () => {
    const renew = jest.fn(async () => ({ status: 'lost' as const }));
    const { lease } = held({ renew });
    const before = lease.expiresAt;
    await expect(lease.renew()).rejects.toMatchObject(lost('another owner has taken it'));
    expect(lease.signal.reason).toBe(lease.lost);
    expect(lease.expiresAt).toBe(before);
    await expect(lease.renew()).rejects.toBe(lease.lost);
    await pass(120);
    expect([renew.mock.calls.length, jest.getTimerCount()]).toEqual([1, 0]);
  });

  test('L4: a failed renewal throws its cause, and the lease is still held', async () => {
    const { lease } = held({ renew: () => Promise.reject(new Error('unreachable')) });
    await expect(lease.renew()).rejects.toThrow('unreachable');
    expect([lease.signal.aborted, lease.lost]).toEqual([false, undefined]);
    await lease.release();
  });
});

test('L5: a listener of its signal that throws is logged, and changes nothing else', async () => {
  const { lease, logger, closed } = held();
  const listener = jest.fn();
  lease.signal.addEventListener('abort', () => {
    throw new TypeError('payload');
  });
  lease.signal.addEventListener('abort', listener);
  closed.abort();
  expect(listener).toHaveBeenCalledTimes(1);
  expect(logger.lines).toEqual([
    {
      level: 'error',
      message: expect.stringContaining("A listener of a lease's signal threw an error"),
      fields: { tenantId: 'acme', lease: 'report', error: 'TypeError' },
    },
  ]);
});

describe('a renewal of the heartbeat that fails (L4)', () => {
  test.each([
    [new MultiOutboxError('DATABASE_LOCKED', 'locked'), 'DATABASE_LOCKED'],
    [Object.assign(new Error('other'), { code: 'EIO' }), undefined],
  ])('L4: it is logged with the lease’s name and this library’s code only (%p)', async (error, code) => {
    const { lease, logger } = held({ renew: () => Promise.reject(error) });
    await pass(20);
    expect(logger.lines.map(({ level, fields }) => ({ level, ...fields }))).toEqual([
      { level: 'warn', tenantId: 'acme', lease: 'report', code },
    ]);
    await lease.release();
  });
});

describe('release (L4)', () => {
  test('L4: it ends the heartbeat: no renewal and no signal follows', async () => {
    const holder = new AbortController();
    const { lease, renew, closed } = held({ signal: holder.signal });
    expect(await lease.release()).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
    expect(getEventListeners(holder.signal, 'abort')).toEqual([]);
    holder.abort();
    closed.abort();
    await pass(120);
    expect([renew.mock.calls.length, lease.signal.aborted]).toEqual([0, false]);
    await expect(lease.renew()).rejects.toMatchObject(lost('it was released'));
  });

  test('L4: idempotent: repeated calls make one call to the database', async () => {
    const answer = deferred<boolean>();
    const release = jest.fn(() => answer.promise);
    const { lease } = held({ release });
    const calls = [lease.release(), lease.release(), lease[Symbol.asyncDispose]()];
    answer.resolve(true);
    expect(await Promise.all(calls)).toEqual([true, true, undefined]);
    await lease.release();
    expect(release).toHaveBeenCalledTimes(1);
  });

  test('L4: best effort: a database that does not answer makes the result false, not an error', async () => {
    const { lease } = held({ release: () => Promise.reject(new Error('unreachable')) });
    expect(await lease.release()).toBe(false);
    expect([lease.signal.aborted, lease.lost]).toEqual([false, undefined]);
  });

  test('L5: a late release reports the lease as lost: another holder may have worked', async () => {
    const { lease } = held({ release: async () => false });
    expect(await lease.release()).toBe(false);
    expect(lease.lost).toMatchObject(lost('another owner had taken it'));
    expect(lease.signal.reason).toBe(lease.lost);
  });

  test('L3: an expired lease is still released; the first reason stays', async () => {
    const { lease, release } = held({ renew: () => new Promise(() => {}) });
    release.mockResolvedValue(false);
    await pass(60);
    expect(lease.lost).toMatchObject(lost('it ran out before it could be renewed'));
    expect(await lease.release()).toBe(false);
    expect(release).toHaveBeenCalledTimes(1);
    expect(lease.lost).toMatchObject(lost('it ran out before it could be renewed'));
  });
});

describe('what fires its signal (L5)', () => {
  test('L5: the signal of its holder, and with its reason; the lease is held and renewed as before', async () => {
    const holder = new AbortController();
    const { lease, renew } = held({ signal: holder.signal });
    holder.abort('enough');
    expect([lease.signal.reason, lease.lost]).toEqual(['enough', undefined]);
    await pass(20);
    expect(renew).toHaveBeenCalledTimes(1);
    await lease.release();
  });

  test('L5: a signal that had fired before', async () => {
    const { lease } = held({ signal: AbortSignal.abort('before') });
    expect(lease.signal.reason).toBe('before');
    await lease.release();
  });

  test('L5: closing its multi-outbox, because no renewal can follow', async () => {
    const { lease, closed } = held();
    closed.abort();
    expect(lease.lost).toMatchObject(lost('this multi-outbox was closed'));
    expect([lease.signal.reason, jest.getTimerCount()]).toEqual([lease.lost, 0]);
  });

  test('L5: a lease that is lost keeps no listener of the signals that live longer', async () => {
    const holder = new AbortController();
    const { lease, closed } = held({ signal: holder.signal, renew: async () => ({ status: 'lost' }) });
    await pass(20);
    expect(lease.lost).toBeDefined();
    expect(getEventListeners(holder.signal, 'abort')).toEqual([]);
    expect(getEventListeners(closed.signal, 'abort')).toEqual([]);
  });
});
