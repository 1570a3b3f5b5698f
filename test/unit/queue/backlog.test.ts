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
    nextDueInMs: null,
    purged: 0,
    unmatched: [],
    ...fields,
  };
}

describe('what a run knows about the messages it has not claimed (D7, Q11)', () => {
  test('before the first answer it claims to know of none', () => {
    const backlog = new Backlog();
    expect(backlog.left).toEqual({ more: false, nextDueInMs: null });
    expect([backlog.solo, backlog.answerIsOld]).toEqual([false, false]);
  });

  test('Q11: the soonest due time counts, of the answer and of what handlers stored', () => {
    const backlog = new Backlog();
    backlog.see({ more: true, nextDueInMs: 500 });
    expect(backlog.left).toEqual({ more: true, nextDueInMs: 500 });
    backlog.enqueued([message('1', { dueInMs: 900 }), message('2', { dueInMs: 700 })]);
    expect(backlog.left.nextDueInMs).toBe(500);
    backlog.see({ more: false, nextDueInMs: null });
    expect(backlog.left).toEqual({ more: false, nextDueInMs: 700 });
    backlog.enqueued([message('3')]);
    expect(backlog.left.nextDueInMs).toBe(0);
  });

  test('D5: after a lost lease, or a claim without an answer, the tenant stays due', () => {
    const lost = new Backlog();
    lost.answered(answer({ lease: 'lost' }), { do: 'renew-lease' });
    expect(lost.left.more).toBe(true);
    const unknown = new Backlog();
    unknown.claimFailed();
    unknown.answered(answer(), claim(false));
    expect(unknown.left.more).toBe(true);
    expect(unknown.more).toBe(false);
  });
});

describe('a recovered message runs by itself (Q7)', () => {
  test('Q7: one recovered message among those claimed is enough', () => {
    const backlog = new Backlog();
    backlog.claimed([claimed(), claimed()]);
    expect(backlog.solo).toBe(false);
    backlog.claimed([claimed(), claimed({ recovered: true })]);
    expect(backlog.solo).toBe(true);
  });

  test('Q7: a claim beside others that finds none, though some are due, asks for a claim by itself', () => {
    const backlog = new Backlog();
    backlog.answered(answer({ more: true }), { do: 'renew-lease' });
    backlog.answered(answer({ more: true, messages: [claimed()] }), claim(false));
    backlog.answered(answer(), claim(false));
    expect(backlog.solo).toBe(false);
    backlog.answered(answer({ more: true }), claim(false));
    expect(backlog.solo).toBe(true);
    backlog.answered(answer({ more: true }), { do: 'renew-lease' });
    expect(backlog.solo).toBe(true);
    backlog.answered(answer({ more: true }), claim(true));
    expect(backlog.solo).toBe(false);
  });
});

describe('the age of the answer (D6)', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('D6: an answer is old after a second; a new one starts the second again', () => {
    const backlog = new Backlog();
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
