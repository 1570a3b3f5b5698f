import { randomUUID } from 'node:crypto';
import type { SettleRequest, SettleResult, WorkQueue } from '../../../src/engine/work-queue.ts';
import { MultiOutboxError } from '../../../src/errors.ts';
import { Backlog } from '../../../src/queue/backlog.ts';
import { LoopBlocks } from '../../../src/queue/loop-blocks.ts';
import { RunLease } from '../../../src/queue/run-lease.ts';
import { settleWhileLeaseLasts } from '../../../src/queue/settle-call.ts';
import { RunTally } from '../../../src/queue/tally.ts';
import { loadSettings } from '../../../src/settings.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';

const settings = loadSettings({}, {});
const claim: SettleRequest['then'] = { do: 'claim', solo: false, limit: 10, maxBytes: 1_000 };
const renewed: SettleResult = {
  lease: 'renewed',
  expiresInMs: 60_000,
  messages: [],
  more: false,
  throttled: false,
  onlySolo: false,
  nextDueInMs: null,
  purged: 0,
  nowUtc: new Date(0),
  unmatched: [],
};

/** A run's call under a lease of this length. `answer` is what each call to the engine gets; it may throw. */
function calling(durationMs: number, then: SettleRequest['then'], answer: (call: number) => SettleResult) {
  const calls: { readonly atMs: number; readonly request: SettleRequest }[] = [];
  const begunAt = performance.now();
  const queue = {
    async settle(request) {
      calls.push({ atMs: performance.now() - begunAt, request });
      return answer(calls.length);
    },
  } as Partial<WorkQueue> as WorkQueue;
  const lease = new RunLease({
    queue: 'outbox',
    begun: {
      ...renewed,
      status: 'claimed',
      lease: { name: 'queue:outbox', owner: 'host-1', fence: 7, acquisitionId: randomUUID() },
      expiresInMs: durationMs,
      recovered: 0,
      parked: { topics: [], more: false },
    },
    sentAt: begunAt,
    durationMs,
    random: () => 1,
    onRenewalDue: () => {},
    onLost: () => {},
  });
  const backlog = new Backlog(25);
  const result = settleWhileLeaseLasts(
    { ...settings, queue, tenant: { id: 'acme' }, logger: silentLogger },
    { lease, backlog, tally: new RunTally(), blocks: new LoopBlocks() },
    [],
    then,
  ).finally(() => lease.stop());
  return { calls, backlog, result };
}

const away = () => {
  throw new Error('the network is away');
};

describe('a call that fails (Q8)', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('Q8: the pauses between tries double from 100 ms, up to half of what the lease has left', async () => {
    const { calls, result } = calling(1_000, claim, (call) => (call < 5 ? away() : renewed));
    await jest.advanceTimersByTimeAsync(900);
    expect(await result).toEqual(renewed);
    expect(calls.map(({ atMs }) => atMs)).toEqual([0, 100, 300, 650, 825]);
  });

  test('Q8: only a claim that failed leaves it unknown whether messages are left', async () => {
    for (const [then, more] of [
      [claim, true],
      [{ do: 'renew-lease' }, false],
    ] as const) {
      const { backlog, result } = calling(60_000, then, (call) => (call < 2 ? away() : renewed));
      await jest.advanceTimersByTimeAsync(100);
      await result;
      expect(backlog.left.more).toBe(more);
    }
  });

  test.each([
    ['renew-lease', { do: 'renew-lease' }],
    ['claim', claim],
  ] as const)('L3: %s is tried to the last millisecond of the lease, and not after it', async (_, then) => {
    const at = performance.now();
    const now = jest.spyOn(performance, 'now').mockReturnValue(at);
    const { calls, result } = calling(1_000, then, (call) => {
      now.mockReturnValue(at + (call === 1 ? 999 : 1_000));
      return away();
    });
    await jest.advanceTimersByTimeAsync(1_000);
    expect(await result).toBeUndefined();
    now.mockRestore();
    expect(calls).toHaveLength(2);
  });

  test('L3: a release that fails once the lease has run out fails with its error', async () => {
    const { calls, result } = calling(1_000, { do: 'release-lease' }, away);
    const failed = expect(result).rejects.toThrow('the network is away');
    await jest.advanceTimersByTimeAsync(1_100);
    await failed;
    expect(calls.length).toBeGreaterThan(1);
  });

  test('Q8: a closed database is not asked again', async () => {
    const { calls, result } = calling(1_000, claim, () => {
      throw new MultiOutboxError('CLOSED', 'closed');
    });
    await expect(result).rejects.toMatchObject({ code: 'CLOSED' });
    expect(calls).toHaveLength(1);
  });
});

test('Q12: a call removes few enough Done messages to stay below lock escalation', async () => {
  const { calls, result } = calling(60_000, claim, () => renewed);
  await result;
  expect(calls[0]!.request.retention).toEqual({ ...settings.retention, limit: 1_000 });
});
