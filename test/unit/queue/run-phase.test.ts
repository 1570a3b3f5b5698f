import fc from 'fast-check';
import { type Phase, type PhaseEvent, phaseAfter, RunPhase } from '../../../src/queue/run-phase.ts';

type Kind = PhaseEvent['kind'];
const kinds: readonly Kind[] = ['time-over', 'changed', 'signal', 'lease-lost', 'error'];
const order: readonly Phase[] = ['claiming', 'draining', 'stopping', 'leaving'];
const times = { claiming: 1_000, draining: 200, stopping: 30 };

describe('the phase that an event leads to (D5)', () => {
  test.each<[Phase, Kind, Phase]>([
    ['claiming', 'time-over', 'draining'],
    ['claiming', 'changed', 'draining'],
    ['claiming', 'signal', 'stopping'],
    ['claiming', 'lease-lost', 'stopping'],
    ['claiming', 'error', 'stopping'],
    ['draining', 'time-over', 'stopping'],
    ['draining', 'changed', 'draining'],
    ['draining', 'signal', 'stopping'],
    ['draining', 'lease-lost', 'stopping'],
    ['stopping', 'time-over', 'leaving'],
    ['stopping', 'changed', 'stopping'],
    ['stopping', 'signal', 'stopping'],
    ['leaving', 'time-over', 'leaving'],
    ['leaving', 'signal', 'leaving'],
  ])('D5: %s, %s: %s', (phase, kind, expected) => {
    expect(phaseAfter(phase, kind)).toBe(expected);
  });

  test('D5: no event takes a run back', () => {
    fc.assert(
      fc.property(fc.constantFrom(...order), fc.constantFrom(...kinds), (phase, kind) => {
        expect(order.indexOf(phaseAfter(phase, kind))).toBeGreaterThanOrEqual(order.indexOf(phase));
      }),
    );
  });
});

describe('the time of each phase (D5)', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  function started() {
    const calls: Phase[] = [];
    const phase: RunPhase = new RunPhase(times, () => {
      calls.push(phase.current);
      phase.move('time-over');
    });
    return { phase, calls };
  }

  test('D5: budget, drain time and grace follow one another, each in full', () => {
    const { phase } = started();
    for (const [before, lastsMs, after] of [
      ['claiming', 1_000, 'draining'],
      ['draining', 200, 'stopping'],
      ['stopping', 30, 'leaving'],
    ] as const) {
      jest.advanceTimersByTime(lastsMs - 1);
      expect(phase.current).toBe(before);
      jest.advanceTimersByTime(1);
      expect(phase.current).toBe(after);
    }
    expect(phase.why).toBe('budget');
    expect(jest.getTimerCount()).toBe(0);
  });

  test('D5: a phase that is entered early gets its full time, and the earlier timer is cleared', () => {
    const { phase, calls } = started();
    jest.advanceTimersByTime(990);
    expect(phase.move('changed')).toBe(true);
    expect(phase.why).toBe('changed');
    jest.advanceTimersByTime(199);
    expect(calls).toEqual([]);
    expect(phase.move('signal')).toBe(true);
    jest.advanceTimersByTime(29);
    expect(calls).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(phase.current).toBe('leaving');
    expect(phase.why).toBe('signal');
  });

  test('D5: the clock ends a phase even if the timer has not fired yet', () => {
    const { phase } = started();
    jest.setSystemTime(Date.now());
    const now = jest.spyOn(performance, 'now');
    const at = performance.now();
    now.mockReturnValue(at + 999);
    expect(phase.isTimeOver).toBe(false);
    now.mockReturnValue(at + 1_000);
    expect(phase.isTimeOver).toBe(true);
    now.mockRestore();
  });

  test('D5: an event without effect says so, and does not change the time', () => {
    const { phase } = started();
    phase.move('signal');
    jest.advanceTimersByTime(20);
    expect(phase.move('lease-lost')).toBe(false);
    expect(phase.why).toBe('signal');
    jest.advanceTimersByTime(10);
    expect(phase.current).toBe('leaving');
  });

  test('a time longer than timers can be set for does not end at once; no time at all sets no timer', () => {
    const phase = new RunPhase({ ...times, claiming: 2 ** 40 }, () => phase.move('time-over'));
    jest.advanceTimersByTime(86_400_000);
    expect(phase.current).toBe('claiming');
    phase.stopTimer();
    expect(jest.getTimerCount()).toBe(0);
  });
});
