import fc from 'fast-check';
import { type NextCall, nextCall, type RunState } from '../../../src/queue/next-call.ts';

const limits = { batchSize: 10, concurrency: 4 };
/** A claiming run with no message in flight and no known backlog. */
const claiming: RunState = {
  phase: 'claiming',
  lease: 'held',
  renewalDue: false,
  waiting: 0,
  startable: 0,
  running: 0,
  ended: 0,
  more: false,
  answerIsOld: false,
  solo: false,
};
const draining: RunState = { ...claiming, phase: 'draining' };
const stopping: RunState = { ...claiming, phase: 'stopping' };
const leaving: RunState = { ...claiming, phase: 'leaving' };
const taken: RunState = { ...stopping, lease: 'taken' };

describe('the next call, as a table', () => {
  const rows: [string, RunState, Partial<RunState>, NextCall][] = [
    ['Q9: nothing in flight: claim, or release in the same call', claiming, {}, 'claim-solo'],
    ['Q9: that claim also settles the ended messages', claiming, { ended: 3 }, 'claim-solo'],
    ['Q7: a recovered message may come when nothing is in flight', claiming, { solo: true }, 'claim-solo'],
    ['D6: more is left and there is room', claiming, { running: 4, more: true }, 'claim'],
    ['D6: nothing more is left', claiming, { running: 4 }, 'wait'],
    ['D6: a whole batch is in flight', claiming, { waiting: 3, running: 7, more: true }, 'claim'],
    ['D6: more than a batch is in flight', claiming, { waiting: 3, running: 8, more: true }, 'wait'],
    ['D6: enough to fill all places', claiming, { waiting: 4, startable: 4, running: 1, more: true }, 'wait'],
    ['D6: not enough to fill them', claiming, { waiting: 3, startable: 3, running: 1, more: true }, 'claim'],
    [
      'D2: those over the limit of their handler fill no place',
      claiming,
      { waiting: 8, startable: 1, running: 1, more: true },
      'claim',
    ],
    [
      'Q7: a recovered message runs with no other in flight',
      claiming,
      { running: 1, more: true, solo: true },
      'wait',
    ],
    ['D6: an old answer, and a place is free', claiming, { running: 3, answerIsOld: true }, 'claim'],
    ['D6: an old answer, and no place is free', claiming, { running: 4, answerIsOld: true }, 'wait'],
    [
      'Q7: an old answer, beside a recovered message',
      claiming,
      { running: 1, answerIsOld: true, solo: true },
      'wait',
    ],
    ['L4: the lease wants renewal', claiming, { running: 4, renewalDue: true }, 'renew-lease'],
    ['L4: any call renews', claiming, { running: 1, more: true, renewalDue: true }, 'claim'],
    ['D5: running handlers may finish', draining, { running: 1, ended: 5, more: true }, 'wait'],
    ['L4: the lease is renewed while they do', draining, { running: 1, renewalDue: true }, 'renew-lease'],
    ['D5: none runs any more', draining, { ended: 5, more: true }, 'release-lease'],
    ['D5: handlers have their grace', stopping, { running: 1, ended: 1 }, 'wait'],
    ['L4: the lease is renewed meanwhile', stopping, { running: 1, renewalDue: true }, 'renew-lease'],
    ['D5: all have ended', stopping, { ended: 1 }, 'release-lease'],
    ['D5: the grace is over', leaving, { ended: 1 }, 'release-lease'],
    ['T1, D5: the grace is over, and one commits', leaving, { running: 1, ended: 1 }, 'wait'],
    ['L4: the lease is renewed until it has', leaving, { running: 1, renewalDue: true }, 'renew-lease'],
    ['D5: the lease is taken, handlers have their grace', taken, { running: 1, ended: 1 }, 'wait'],
    ['Q8: the lease is taken, outcomes are tried', taken, { ended: 1 }, 'release-lease'],
    ['T1, D5: the lease is taken, and one commits', { ...taken, phase: 'leaving' }, { running: 1 }, 'wait'],
    ['D5: the lease is taken, nothing is in flight', taken, {}, 'end'],
    ['D5: the lease is released', { ...claiming, lease: 'released' }, {}, 'end'],
  ];
  test.each(rows)('%s', (_, base, fields, expected) => {
    expect(nextCall({ ...base, ...fields }, limits)).toBe(expected);
  });
});

const count = fc.nat(25);
const state = fc.record<RunState>({
  phase: fc.constantFrom('claiming', 'draining', 'stopping', 'leaving'),
  lease: fc.constantFrom('held', 'taken', 'released'),
  renewalDue: fc.boolean(),
  waiting: count,
  startable: count,
  running: count,
  ended: count,
  more: fc.boolean(),
  answerIsOld: fc.boolean(),
  solo: fc.boolean(),
});
const anyLimits = fc.record({
  batchSize: fc.integer({ min: 1, max: 12 }),
  concurrency: fc.integer({ min: 1, max: 12 }),
});

describe('the next call, in every state', () => {
  const always = (
    check: (
      state: RunState,
      call: NextCall,
      limits: typeof anyLimits extends fc.Arbitrary<infer L> ? L : never,
    ) => void,
  ) =>
    fc.assert(
      fc.property(state, anyLimits, (given, some) => check(given, nextCall(given, some), some)),
      { numRuns: 2_000 },
    );

  test('D5: only a run that is claiming claims, and only under a lease that it holds', () =>
    always(({ phase, lease }, call) => {
      if (call.startsWith('claim')) expect([phase, lease]).toEqual(['claiming', 'held']);
    }));

  test('D6: a claim beside others leaves at most two batches in memory', () =>
    always(({ waiting, running }, call, { batchSize }) => {
      if (call === 'claim') expect(waiting + running + batchSize).toBeLessThanOrEqual(2 * batchSize);
    }));

  test('Q7: a claim that may return a recovered message is made only when no message is in flight; no other claim is made while solo', () =>
    always(({ waiting, running, solo }, call) => {
      if (call === 'claim-solo') expect(waiting + running).toBe(0);
      if (call === 'claim') expect(solo).toBe(false);
    }));

  test('L4: a renewal that is due is never left waiting while the lease is held', () =>
    always(({ lease, renewalDue }, call) => {
      if (lease === 'held' && renewalDue) expect(call).not.toBe('wait');
    }));

  test('D5: the lease is not released under a running handler', () =>
    always(({ running }, call) => {
      if (call === 'release-lease') expect(running).toBe(0);
    }));

  test('a run never waits when nothing can happen any more: no handler runs, and none can be started', () =>
    always(({ waiting, running }, call) => {
      if (call === 'wait' && running === 0) expect(waiting).toBeGreaterThan(0);
    }));

  test('Q8: a run does not end with outcomes that it has not tried to write', () =>
    always(({ lease, ended, running }, call) => {
      if (call === 'end' && lease !== 'released') expect([ended, running]).toEqual([0, 0]);
    }));
});
