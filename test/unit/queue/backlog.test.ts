import type { SettleRequest, SettleResult } from '../../../src/engine/work-queue.ts';
import { Backlog } from '../../../src/queue/backlog.ts';
import { claimed } from '../../support/claimed.ts';
import { message } from '../../support/queue-run.ts';

const claim = (solo: boolean): SettleRequest['then'] => ({ do: 'claim', solo, limit: 10, maxBytes: 1_000 });

function answer(fields: Partial<SettleResult> = {}): SettleResult {
  return {
    lease: 'renewed',
    expiresInMs: 1_000,
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

describe('what a run knows about the messages it has not claimed (D7, Q11)', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('before the first answer it claims to know of none', () => {
    const backlog = new Backlog(25);
    expect(backlog.left).toEqual({ more: false, nextDueInMs: null });
    expect([backlog.solo, backlog.throttled, backlog.answerIsOld]).toEqual([false, false, false]);
  });

  test('Q11: the soonest due time counts, of the answer and of what handlers stored', () => {
    const backlog = new Backlog(25);
    backlog.see({ more: true, throttled: false, nextDueInMs: 500 });
    expect(backlog.left).toEqual({ more: true, nextDueInMs: 500 });
    backlog.enqueued([message('1', { dueInMs: 900 }), message('2', { dueInMs: 700 })]);
    expect(backlog.left.nextDueInMs).toBe(500);
    backlog.see({ more: false, throttled: false, nextDueInMs: null });
    expect(backlog.left).toEqual({ more: false, nextDueInMs: 700 });
    backlog.enqueued([message('3')]);
    expect(backlog.left.nextDueInMs).toBe(0);
  });

  test('Q11: the delay of a message that a handler stored counts from then, however long the run goes on', () => {
    const backlog = new Backlog(25);
    backlog.enqueued([message('1', { dueInMs: 30_000 })]);
    jest.advanceTimersByTime(20_000);
    backlog.enqueued([message('2', { dueInMs: 20_000 })]);
    expect(backlog.left.nextDueInMs).toBe(10_000);
    jest.advanceTimersByTime(60_000);
    expect(backlog.left.nextDueInMs).toBe(0);
  });

  test('D5: after a lost lease, or a claim without an answer, the tenant stays due', () => {
    const lost = new Backlog(25);
    lost.answered(answer({ lease: 'lost' }), { do: 'renew-lease' });
    expect(lost.left.more).toBe(true);
    const unknown = new Backlog(25);
    unknown.claimFailed();
    unknown.answered(answer(), claim(false));
    expect(unknown.left.more).toBe(true);
    expect(unknown.more).toBe(false);
  });
});

describe('a recovered message runs by itself (Q7)', () => {
  test('Q7: one recovered message among those claimed is enough', () => {
    const backlog = new Backlog(25);
    backlog.claimed([claimed(), claimed()]);
    expect(backlog.solo).toBe(false);
    backlog.claimed([claimed(), claimed({ recovered: true })]);
    expect(backlog.solo).toBe(true);
  });

  test('Q7: when only a solo claim returns the next message, the run makes no claim beside others', () => {
    const backlog = new Backlog(25);
    // Messages that are left for another reason, such as a limited number of changes in a call, can still be claimed.
    backlog.answered(answer({ more: true, throttled: true }), claim(false));
    backlog.answered(answer({ onlySolo: true }), { do: 'renew-lease' });
    expect(backlog.solo).toBe(false);
    backlog.answered(answer({ more: true, onlySolo: true }), claim(false));
    expect(backlog.solo).toBe(true);
    backlog.answered(answer({ more: true }), { do: 'renew-lease' });
    expect(backlog.solo).toBe(true);
    backlog.answered(answer({ more: true }), claim(true));
    expect(backlog.solo).toBe(false);
  });

  test('Q7: after each claim of recovered messages the next one may take twice as many', () => {
    const backlog = new Backlog(25);
    expect(backlog.together).toBe(1);
    backlog.claimed([claimed()]);
    expect(backlog.together).toBe(1);
    backlog.claimed([claimed({ recovered: true })]);
    expect(backlog.together).toBe(2);
    backlog.claimed([claimed({ recovered: true }), claimed({ recovered: true })]);
    expect(backlog.together).toBe(4);
  });

  test('Q7: not where a message has fewer than five attempts', () => {
    for (const [attempts, together] of [
      [4, 1],
      [5, 2],
    ] as const) {
      const backlog = new Backlog(attempts);
      backlog.claimed([claimed({ recovered: true })]);
      expect(backlog.together).toBe(together);
    }
  });
});

describe('messages that wait for their topic (Q4, D4)', () => {
  test('Q4: the engine’s last answer says whether messages are throttled', () => {
    const backlog = new Backlog(25);
    backlog.answered(answer({ throttled: true }), claim(false));
    expect(backlog).toMatchObject({ throttled: true, more: false });
    backlog.answered(answer(), claim(false));
    expect(backlog.throttled).toBe(false);
  });

  test('D4: while parked messages of handled topics are left, the tenant stays due', () => {
    const idle = { ...answer(), status: 'idle', recovered: 0 } as const;
    const backlog = new Backlog(25);
    backlog.begun({ ...idle, parked: { topics: ['other'], more: false } });
    expect(backlog.left.more).toBe(false);
    backlog.begun({ ...idle, parked: { topics: [], more: true } });
    backlog.answered(answer(), claim(true));
    expect(backlog.left.more).toBe(true);
    expect(backlog.more).toBe(false);
  });
});

test('Q11, Q12: Done messages that are left to be removed are no message that is due', () => {
  const idle = { ...answer(), status: 'idle', recovered: 0, parked: { topics: [], more: false } } as const;
  const left = (nextDueInMs: number | null, isPurgeLeft: boolean) => {
    const backlog = new Backlog(25);
    backlog.begun({ ...idle, nextDueInMs }, isPurgeLeft);
    return backlog.left;
  };
  expect(left(null, false)).toEqual({ more: false, nextDueInMs: null });
  expect(left(null, true)).toEqual({ more: false, nextDueInMs: null, purgeInMs: 5_000 });
  expect(left(60_000, true)).toEqual({ more: false, nextDueInMs: 60_000, purgeInMs: 5_000 });
});

describe('the age of the answer (D6)', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('D6: an answer is old after a second; a new one starts the second again', () => {
    const backlog = new Backlog(25);
    let calls = 0;
    const onOld = () => calls++;
    backlog.watch(onOld);
    jest.advanceTimersByTime(999);
    backlog.watch(onOld);
    jest.advanceTimersByTime(999);
    expect([backlog.answerIsOld, calls]).toEqual([false, 0]);
    jest.advanceTimersByTime(1);
    expect([backlog.answerIsOld, calls]).toEqual([true, 1]);
    backlog.watch(onOld);
    expect(backlog.answerIsOld).toBe(false);
    backlog.stopWatching();
    expect(jest.getTimerCount()).toBe(0);
  });
});
