import { Heartbeat, type HeartbeatOptions } from '../../../src/lease/heartbeat.ts';
import { deferred } from '../../support/deferred.ts';

const durationMs = 30_000;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

/** A heartbeat without jitter (random 1: a third exactly) whose renewals are counted. */
function heartbeat(fields: Partial<HeartbeatOptions> = {}) {
  const renewals: number[] = [];
  const start = performance.now();
  const { renew = async () => durationMs, ...rest } = fields;
  const one = new Heartbeat({
    name: 'queue:outbox',
    durationMs,
    expiresInMs: durationMs,
    sentAt: start,
    random: () => 1,
    ...rest,
    renew: () => {
      renewals.push(performance.now() - start);
      return renew();
    },
  });
  return { heartbeat: one, renewals };
}

describe('a held lease renews itself (L4)', () => {
  test('L4: at a third of its duration, again and again', async () => {
    const { heartbeat: one, renewals } = heartbeat();
    await pass(30_000);
    expect(renewals).toEqual([10_000, 20_000, 30_000]);
    expect(one.signal.aborted).toBe(false);
    one.stop();
  });

  test.each([
    [0, 8_000],
    [0.5, 9_000],
  ])('L4: jitter brings it forward, never back (random %p)', async (random, first) => {
    const { heartbeat: one, renewals } = heartbeat({ random: () => random });
    await pass(first - 1);
    expect(renewals).toEqual([]);
    await pass(1);
    expect(renewals).toEqual([first]);
    one.stop();
  });

  test('L4: a slow acquisition counts against the lease', async () => {
    const { heartbeat: one } = heartbeat({ sentAt: performance.now() - 4_000 });
    expect(one.remainingMs).toBe(26_000);
    one.stop();
  });

  test('L4: a lease with little time left is renewed at once', async () => {
    const { heartbeat: one, renewals } = heartbeat({ sentAt: performance.now() - 29_000 });
    await pass(1_000);
    expect(renewals).toEqual([1_000]);
    one.stop();
  });

  test('L4: a renewal by another call postpones the next one', async () => {
    const { heartbeat: one, renewals } = heartbeat();
    await pass(9_000);
    one.extended(durationMs, performance.now());
    await pass(9_999);
    expect(renewals).toEqual([]);
    await pass(1);
    expect(renewals).toEqual([19_000]);
    // One timer is for the next renewal, the other for the end of the lease.
    expect(jest.getTimerCount()).toBe(2);
    one.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('L4: a renewal counts from when it was sent, not from when it was answered', async () => {
    const answer = deferred<number>();
    const { heartbeat: one } = heartbeat({ renew: () => answer.promise });
    await pass(10_000);
    await pass(6_000);
    answer.resolve(durationMs);
    await pass(0);
    expect(one.remainingMs).toBe(24_000);
    one.stop();
  });

  test('L4: a call sent before the renewal request does not extend the known lease', async () => {
    const answer = deferred<number>();
    const { heartbeat: one } = heartbeat({ renew: () => answer.promise });
    await pass(7_000);
    const sentAt = performance.now();
    await pass(5_000);
    // The run answers both with one call, which it sent at 7 s; the renewal was asked for at 10 s.
    one.extended(durationMs, sentAt);
    answer.resolve(durationMs);
    await pass(0);
    expect(one.remainingMs).toBe(25_000);
    one.stop();
  });
});

describe('a lease that is lost (L4)', () => {
  test('L4: its signal fires with LEASE_LOST when another owner has taken it', async () => {
    const { heartbeat: one, renewals } = heartbeat({ renew: async () => null });
    await pass(10_000);
    expect(one.signal.aborted).toBe(true);
    expect(one.signal.reason).toMatchObject({
      code: 'LEASE_LOST',
      message: expect.stringContaining("'queue:outbox'"),
    });
    await pass(60_000);
    expect(renewals).toEqual([10_000]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('L4: a failed renewal is retried while time remains, and may succeed', async () => {
    let failures = 2;
    const errors: unknown[] = [];
    const { heartbeat: one, renewals } = heartbeat({
      renew: async () => {
        if (failures-- > 0) throw new Error('unreachable');
        return durationMs;
      },
      onError: (error) => errors.push(error),
    });
    await pass(29_999);
    expect(errors).toHaveLength(2);
    expect(renewals.length).toBeGreaterThanOrEqual(3);
    expect(one.signal.aborted).toBe(false);
    await pass(10_000);
    expect(one.signal.aborted).toBe(false);
    one.stop();
  });

  test('L4: a renewal that fails after another call has extended the lease sets no second timer', async () => {
    const answer = deferred<number>();
    const { heartbeat: one, renewals } = heartbeat({ renew: () => answer.promise });
    await pass(10_000);
    one.extended(durationMs, performance.now());
    answer.reject(new Error('unreachable'));
    await pass(0);
    // One timer is for the next renewal, the other for the end of the lease.
    expect(jest.getTimerCount()).toBe(2);
    await pass(9_999);
    expect(renewals).toEqual([10_000]);
    one.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('L4: when renewals fail until the expiry, the signal fires then, not later', async () => {
    const { heartbeat: one, renewals } = heartbeat({
      renew: async () => {
        throw new Error('unreachable');
      },
    });
    await pass(29_999);
    expect(one.signal.aborted).toBe(false);
    await pass(1);
    expect(one.signal.aborted).toBe(true);
    expect(one.signal.reason).toMatchObject({
      message: expect.stringContaining('it ran out before it could be renewed'),
    });
    const tries = renewals.length;
    expect(tries).toBeGreaterThan(3);
    await pass(60_000);
    expect(renewals).toHaveLength(tries);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('L4: a failed renewal is retried after a quarter of the remaining time, at last every 10 ms', async () => {
    const { renewals } = heartbeat({
      renew: async () => {
        throw new Error('unreachable');
      },
    });
    await pass(30_000);
    expect(renewals.slice(0, 4)).toEqual([10_000, 15_000, 18_750, 21_563]);
    const pauses = renewals.slice(1).map((at, index) => at - renewals[index]!);
    expect(Math.min(...pauses)).toBe(10);
    expect(pauses.slice(-3)).toEqual([10, 10, 10]);
  });

  test('L4: a timer that fires a fraction of a millisecond early does not end the lease', async () => {
    const { heartbeat: one } = heartbeat({
      sentAt: performance.now() + 0.5,
      renew: () => new Promise(() => {}),
    });
    await pass(30_000);
    expect([one.signal.aborted, one.remainingMs]).toEqual([false, 0.5]);
    await pass(1);
    expect(one.signal.aborted).toBe(true);
  });

  test('L4: a renewal that never answers does not delay the signal', async () => {
    const { heartbeat: one } = heartbeat({ renew: () => new Promise(() => {}) });
    await pass(30_000);
    expect(one.signal.aborted).toBe(true);
  });

  test('L4: an answer after the expiry does not restore the lease', async () => {
    const answer = deferred<number>();
    const { heartbeat: one } = heartbeat({ renew: () => answer.promise });
    await pass(30_000);
    answer.resolve(durationMs);
    await pass(0);
    expect(one.signal.aborted).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('L4: it is lost once: a second loss keeps the first reason', () => {
    const { heartbeat: one } = heartbeat();
    one.lose('first');
    one.lose('second');
    expect(one.signal.reason).toMatchObject({ message: expect.stringContaining('first') });
  });
});

describe('the end of a heartbeat', () => {
  test('stop leaves no timer behind and fires no signal; idempotent', async () => {
    const { heartbeat: one, renewals } = heartbeat();
    one.stop();
    one.stop();
    one.extended(durationMs, performance.now());
    one.lose('too late');
    expect(jest.getTimerCount()).toBe(0);
    await pass(60_000);
    expect(renewals).toEqual([]);
    expect(one.signal.aborted).toBe(false);
  });

  test('after a stop during a renewal, its answer or failure has no effect', async () => {
    for (const end of ['answer', 'lost', 'failure'] as const) {
      const renewal = deferred<number | null>();
      const errors: unknown[] = [];
      const { heartbeat: one } = heartbeat({
        renew: () => renewal.promise,
        onError: (error) => errors.push(error),
      });
      await pass(10_000);
      one.stop();
      if (end === 'failure') renewal.reject(new Error('unreachable'));
      else renewal.resolve(end === 'lost' ? null : durationMs);
      await pass(60_000);
      expect(one.signal.aborted).toBe(false);
      expect(errors).toEqual([]);
      expect(jest.getTimerCount()).toBe(0);
    }
  });

  test('a lease longer than timers can be set for is not lost at once', async () => {
    const days = 86_400_000;
    const { heartbeat: one, renewals } = heartbeat({
      durationMs: 90 * days,
      expiresInMs: 90 * days,
      renew: () => new Promise(() => {}),
    });
    await pass(30 * days);
    expect(one.signal.aborted).toBe(false);
    expect(renewals).toEqual([30 * days]);
    await pass(60 * days);
    expect(one.signal.aborted).toBe(true);
  });
});
