import { randomUUID } from 'node:crypto';
import type { SettleResult } from '../../../src/engine/work-queue.ts';
import { RunLease } from '../../../src/queue/run-lease.ts';

const durationMs = 9_000;
const ref = { name: 'queue:outbox', owner: 'host-1', fence: 7, acquisitionId: randomUUID() };

function answer(fields: Partial<SettleResult>): SettleResult {
  return {
    lease: 'renewed',
    expiresInMs: durationMs,
    messages: [],
    more: false,
    throttled: false,
    onlySolo: false,
    nextDueInMs: null,
    purged: 0,
    nowUtc: new Date(0),
    unmatched: [],
    ...fields,
  };
}

function held() {
  const seen = { renewals: 0, losses: [] as unknown[] };
  const lease = new RunLease({
    queue: 'outbox',
    begun: {
      status: 'claimed',
      lease: ref,
      expiresInMs: durationMs,
      messages: [],
      more: false,
      throttled: false,
      onlySolo: false,
      nextDueInMs: null,
      purged: 0,
      nowUtc: new Date(0),
      recovered: 0,
      parked: { topics: [], more: false },
    },
    sentAt: performance.now(),
    durationMs,
    random: () => 1,
    onRenewalDue: () => seen.renewals++,
    onLost: (reason) => seen.losses.push(reason),
  });
  return { lease, seen };
}

describe("a run's lease (L4)", () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('L4: a renewal is due after a third of its time, until a call has renewed it', async () => {
    const { lease, seen } = held();
    expect(lease.renewalDue).toBe(false);
    await jest.advanceTimersByTimeAsync(durationMs / 3);
    expect(lease.renewalDue).toBe(true);
    expect(seen.renewals).toBe(1);
    lease.answered(answer({}), performance.now());
    expect(lease.renewalDue).toBe(false);
    expect(lease.remainingMs).toBe(durationMs);
    await jest.advanceTimersByTimeAsync(durationMs / 3);
    expect(seen.renewals).toBe(2);
    lease.stop();
  });

  test('L4: it counts from when the call was sent', async () => {
    const { lease } = held();
    const sentAt = performance.now();
    await jest.advanceTimersByTimeAsync(1_000);
    lease.answered(answer({}), sentAt);
    expect(lease.remainingMs).toBe(durationMs - 1_000);
    lease.stop();
  });

  test('Q8: taken by another run, as an answer says: lost at once, and no renewal is due any more', async () => {
    const { lease, seen } = held();
    await jest.advanceTimersByTimeAsync(durationMs / 3);
    lease.answered(answer({ lease: 'lost', expiresInMs: 0 }), performance.now());
    expect(lease.state).toBe('taken');
    expect(lease.renewalDue).toBe(false);
    expect(seen.losses).toMatchObject([{ code: 'LEASE_LOST' }]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('L3, L4: expired by the clock before any timer fires: lost, but the run may still settle', () => {
    const { lease, seen } = held();
    const at = performance.now();
    const now = jest.spyOn(performance, 'now').mockReturnValue(at + durationMs - 1);
    lease.check(performance.now());
    expect(seen.losses).toEqual([]);
    now.mockReturnValue(at + durationMs);
    lease.check(performance.now());
    lease.check(performance.now());
    now.mockRestore();
    expect(seen.losses).toMatchObject([{ code: 'LEASE_LOST' }]);
    expect(lease.state).toBe('held');
    expect(jest.getTimerCount()).toBe(0);
  });

  test('L4: no renewal is due any more once the lease has run out', async () => {
    const { lease } = held();
    await jest.advanceTimersByTimeAsync(durationMs / 3);
    expect(lease.renewalDue).toBe(true);
    const now = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + durationMs);
    lease.check(performance.now());
    now.mockRestore();
    expect(lease.renewalDue).toBe(false);
  });

  test('L4: a released lease is not lost at its former expiry', async () => {
    const { lease, seen } = held();
    lease.answered(answer({ lease: 'released', expiresInMs: 0 }), performance.now());
    expect(lease.state).toBe('released');
    await jest.advanceTimersByTimeAsync(2 * durationMs);
    lease.check(performance.now());
    expect(seen).toEqual({ renewals: 0, losses: [] });
    expect(jest.getTimerCount()).toBe(0);
  });
});
