import { getEventListeners } from 'node:events';
import type { RunReport } from '../../../src/fleet/dispatch/run-report.ts';
import type { WakeHost } from '../../../src/fleet/wake-hosts.ts';
import { type LocalHostOptions, runLocalHost } from '../../../src/local/host.ts';
import { type Deferred, deferred } from '../../support/deferred.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { planOf, reportOf } from '../../support/requests.ts';

const intervalMs = 1_000;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

type Ended = Pick<RunReport, 'more'> & Partial<RunReport>;

interface Running {
  /** The capacity requested of each plan, with the millisecond of the request. */
  readonly plans: { at: number; capacity: number }[];
  /** The runs in flight, in the order of their start; resolving one ends it, with or without backlog left. */
  readonly runs: Map<string, Deferred<Ended>>;
  /** Asks, for each run in flight, whether it may be continued. */
  readonly mayContinue: Map<string, () => boolean>;
  /** The host, as wakes of its process see it. */
  readonly wakes: WakeHost;
  readonly started: string[];
  readonly events: string[];
  readonly logger: ReturnType<typeof recordingLogger>;
  readonly stop: AbortController;
  /** True once the host has resolved. */
  readonly ended: () => boolean;
  end(tenantId: string, more?: boolean): Promise<void>;
}

interface HostFields {
  parallelRuns?: number;
  plan?: LocalHostOptions['plan'];
  every?: number;
}

/** A host over a list of due tenants: a plan takes as many as it is asked for, and says whether more are left. */
function host(due: string[], { parallelRuns = 2, plan, every = intervalMs }: HostFields = {}): Running {
  const start = Date.now();
  const stop = new AbortController();
  const logger = recordingLogger();
  const plans: Running['plans'] = [];
  const runs: Running['runs'] = new Map();
  const mayContinue: Running['mayContinue'] = new Map();
  let wakes: WakeHost | undefined;
  const started: string[] = [];
  const events: string[] = [];
  let hasEnded = false;
  const take = async ({ capacity }: { capacity: number }) => ({
    ...planOf(...due.splice(0, capacity)),
    more: due.length > 0,
  });
  void runLocalHost({
    plan({ capacity }) {
      plans.push({ at: Date.now() - start, capacity });
      return (plan ?? take)({ capacity });
    },
    async dispatch(request, { continues }) {
      const run = deferred<Ended>();
      runs.set(request.tenantId, run);
      mayContinue.set(request.tenantId, continues);
      started.push(request.tenantId);
      const ended = await run.promise.finally(() => runs.delete(request.tenantId));
      return { ...reportOf(request), ...ended };
    },
    serveWakes(offered) {
      wakes = offered;
      return () => {
        wakes = undefined;
      };
    },
    intervalMs: every,
    parallelRuns,
    signal: stop.signal,
    logger,
    onPlan: ({ requests }) => events.push(`plan of ${requests.length}`),
    onRun: ({ request, report }) => events.push(`${request.tenantId} ${report?.outcome ?? 'starts'}`),
  }).then(() => {
    hasEnded = true;
  });
  return {
    plans,
    runs,
    mayContinue,
    get wakes() {
      return wakes!;
    },
    started,
    events,
    logger,
    stop,
    ended: () => hasEnded,
    async end(tenantId, more = false) {
      runs.get(tenantId)!.resolve({ more });
      await pass(0);
    },
  };
}

/** Fires the signal, ends the runs in flight, and checks that the host takes no more wakes and leaves no timer. */
async function stopped(one: Running): Promise<void> {
  one.stop.abort();
  for (const run of one.runs.values()) run.resolve({ more: false });
  await pass(0);
  expect([one.ended(), jest.getTimerCount(), one.wakes]).toEqual([true, 0, undefined]);
}

const times = ({ plans }: Running) => plans.map(({ at }) => at);

/** Checks that the condition holds in each of the next microtasks. */
async function throughout(check: () => void): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await null;
    check();
  }
}

describe('the continuous host plans (F3)', () => {
  test('F3: at an interval while no tenant is due, each plan for all of its free slots', async () => {
    const one = host([], { parallelRuns: 3 });
    await pass(2 * intervalMs + 1);
    expect(one.plans).toEqual([
      { at: 0, capacity: 3 },
      { at: 1_000, capacity: 3 },
      { at: 2_000, capacity: 3 },
    ]);
    expect(one.events).toEqual(['plan of 0', 'plan of 0', 'plan of 0']);
    await stopped(one);
  });

  test('D8: never more runs at once than allowed; a plan asks only for the free slots', async () => {
    const one = host(['a', 'b', 'c', 'd', 'e'], { parallelRuns: 2 });
    await pass(0);
    expect([one.started, one.plans.length]).toEqual([['a', 'b'], 1]);
    // All slots are taken, so the host makes no plan until one becomes free.
    await pass(5 * intervalMs);
    expect([one.started, one.plans.length]).toEqual([['a', 'b'], 1]);
    await one.end('b');
    expect(one.started).toEqual(['a', 'b', 'c']);
    expect(one.plans).toEqual([
      { at: 0, capacity: 2 },
      { at: 5_000, capacity: 1 },
    ]);
    await stopped(one);
  });

  test('D8: a slow tenant occupies only its own slot: the others use the other slots', async () => {
    const one = host(['slow', 'b', 'c', 'd'], { parallelRuns: 2 });
    await pass(0);
    for (const tenantId of ['b', 'c', 'd']) await one.end(tenantId);
    expect(one.started).toEqual(['slow', 'b', 'c', 'd']);
    expect([...one.runs.keys()]).toEqual(['slow']);
    await stopped(one);
  });

  test('F7: a slot that becomes free while no tenant waits does not bring the next plan forward', async () => {
    const one = host(['a', 'b'], { parallelRuns: 2 });
    await pass(0);
    await one.end('a');
    await pass(intervalMs - 1);
    expect(one.plans).toHaveLength(1);
    await pass(1);
    expect(one.plans).toEqual([
      { at: 0, capacity: 2 },
      { at: 1_000, capacity: 1 },
    ]);
    await stopped(one);
  });

  test('F3: a plan that chose fewer than its capacity, and left tenants due, is followed by another at once', async () => {
    const chosen = ['a', 'b', 'c'];
    const one = host([], {
      parallelRuns: 3,
      plan: async () => ({ ...planOf(...chosen.splice(0, 1)), more: chosen.length > 0 }),
    });
    await pass(0);
    expect(one.plans.map(({ capacity }) => capacity)).toEqual([3, 2, 1]);
    expect(one.started).toEqual(['a', 'b', 'c']);
    await stopped(one);
  });

  test('F3: a plan that chose none, though tenants stay due, is not repeated before the interval', async () => {
    const chosen = ['a'];
    const one = host([], { plan: async () => ({ ...planOf(...chosen.splice(0)), more: true }) });
    await pass(intervalMs - 1);
    // The second plan followed the first at once, since that one had chosen a tenant.
    expect([one.started, one.plans.length]).toEqual([['a'], 2]);
    await pass(1);
    expect(one.plans).toHaveLength(3);
    await stopped(one);
  });

  test('F3: a plan that chose only tenants whose runs here have not ended is not repeated before the interval', async () => {
    let plans = 0;
    const one = host([], { parallelRuns: 3, plan: async () => ({ ...planOf('a'), more: ++plans < 6 }) });
    await pass(intervalMs - 1);
    // The first plan chose the tenant, so the second followed at once.
    expect([one.started, times(one)]).toEqual([['a'], [0, 0]]);
    one.stop.abort();
    await one.end('a');
    await stopped(one);
  });

  test('F3: an interval longer than the longest pause after a failure is kept', async () => {
    const one = host([], { every: 60_000 });
    await pass(120_000);
    expect(one.plans.map(({ at }) => at)).toEqual([0, 60_000, 120_000]);
    await stopped(one);
  });

  test('F5: a run that leaves backlog brings the next plan forward', async () => {
    const due = ['a'];
    const one = host(due);
    await pass(0);
    due.push('a');
    await one.end('a', true);
    expect(one.started).toEqual(['a', 'a']);
    expect(one.plans).toEqual([
      { at: 0, capacity: 2 },
      { at: 0, capacity: 2 },
    ]);
    await stopped(one);
  });

  test('F5: backlog left by a run that ended while a plan was under way is not forgotten', async () => {
    const slowPlan = deferred();
    let plans = 0;
    const one = host([], {
      parallelRuns: 3,
      plan: async () => {
        plans++;
        if (plans === 1) return planOf('a', 'b');
        if (plans === 2) await slowPlan.promise;
        return planOf();
      },
    });
    await pass(intervalMs);
    expect(plans).toBe(2);
    await one.end('a', true);
    slowPlan.resolve();
    await one.end('b');
    // The last two plans have the same time: 'b' ended while a tenant was waiting.
    expect(one.plans.map(({ at }) => at)).toEqual([0, 1_000, 1_000]);
    await stopped(one);
  });

  test('F4, F5: the slot of a run that left backlog while a plan was under way goes to no wake', async () => {
    const slowPlans = [deferred(), deferred()];
    let plans = 0;
    const one = host([], {
      plan: async () => {
        if (plans++ === 0) return planOf('a');
        await slowPlans[plans - 2]!.promise;
        return planOf();
      },
    });
    await pass(intervalMs);
    await one.end('a', true);
    slowPlans[0]!.resolve();
    await throughout(() => expect(one.wakes.reserve(1)).toBe(0));
    expect(plans).toBe(3);
    slowPlans[1]!.resolve();
    await pass(0);
    await stopped(one);
  });

  test('F3: a tenant that is planned again during its run here gets no second run at once', async () => {
    const one = host([], { parallelRuns: 3, plan: async () => planOf('a') });
    await pass(3 * intervalMs);
    expect(one.started).toEqual(['a']);
    expect(one.plans.map(({ capacity }) => capacity)).toEqual([3, 2, 2, 2]);
    // The tenant was chosen, so it is served when its run has ended.
    await one.end('a');
    expect(one.started).toEqual(['a', 'a']);
    await one.end('a');
    await pass(intervalMs - 1);
    expect(one.started).toEqual(['a', 'a']);
    await pass(1);
    expect(one.started).toEqual(['a', 'a', 'a']);
    await stopped(one);
  });

  test('S1: each run is reported when it starts and when it has ended', async () => {
    const one = host(['a', 'b']);
    await pass(0);
    await one.end('b');
    await one.end('a');
    expect(one.events).toEqual(['plan of 2', 'a starts', 'b starts', 'b idle', 'a idle']);
    await stopped(one);
  });
});

describe('the failure of one tenant does not stop the host (D8)', () => {
  test('D8: a request that cannot be dispatched is logged with its tenant, and frees its slot', async () => {
    const one = host(['a', 'b', 'c'], { parallelRuns: 1 });
    await pass(0);
    one.runs.get('a')!.reject(new Error('no such tenant'));
    await pass(0);
    one.runs.get('b')!.reject('not an error');
    await pass(0);
    expect(one.started).toEqual(['a', 'b', 'c']);
    expect(one.logger.lines.map(({ level, fields }) => ({ level, ...fields }))).toEqual([
      { level: 'error', tenantId: 'a', error: 'no such tenant' },
      {
        level: 'error',
        tenantId: 'b',
        error: 'A value of type string was thrown; throw an Error, so that its message is kept.',
      },
    ]);
    expect(one.events).toEqual(['plan of 1', 'a starts', 'plan of 1', 'b starts', 'plan of 1', 'c starts']);
    await stopped(one);
  });

  test('F3: a plan that fails is logged and retried, after a pause that doubles up to 30 s', async () => {
    const failures: unknown[] = [new Error('the registry is away'), 'not an error'];
    let isAway = true;
    const one = host([], {
      plan: async () => {
        if (isAway) throw failures.shift() ?? new Error('still away');
        return planOf();
      },
    });
    await pass(92_000);
    expect(one.plans.map(({ at }) => at)).toEqual([0, 2_000, 6_000, 14_000, 30_000, 60_000, 90_000]);
    expect(one.logger.lines[0]).toMatchObject({ level: 'error', fields: { error: 'the registry is away' } });
    expect(one.logger.lines[1]).toMatchObject({
      level: 'error',
      fields: { error: 'A value of type string was thrown; throw an Error, so that its message is kept.' },
    });
    isAway = false;
    await pass(28_000 + 2 * intervalMs);
    expect(one.plans.slice(-3).map(({ at }) => at)).toEqual([120_000, 121_000, 122_000]);
    isAway = true;
    await pass(3_000);
    // The pauses begin again with the shortest.
    expect(one.plans.slice(-2).map(({ at }) => at)).toEqual([123_000, 125_000]);
    await stopped(one);
  });
});

test('F3: backlog that a run leaves meanwhile does not shorten the pause after a plan that failed', async () => {
  const failure = deferred<never>();
  let plans = 0;
  const one = host([], {
    plan: async () => {
      plans++;
      return plans === 1 ? planOf('a') : failure.promise;
    },
  });
  await pass(intervalMs);
  await one.end('a', true);
  failure.reject(new Error('away'));
  await pass(2 * intervalMs - 1);
  expect(plans).toBe(2);
  await pass(1);
  expect(plans).toBe(3);
  await stopped(one);
});

describe('the end of the host (D5)', () => {
  test('D5: it ends when the signal has fired and every run has ended, and starts no new run', async () => {
    const one = host(['a', 'b', 'c'], { parallelRuns: 2 });
    await pass(0);
    one.stop.abort();
    await one.end('a');
    expect([one.ended(), one.started]).toEqual([false, ['a', 'b']]);
    await one.end('b');
    expect([one.ended(), one.started, one.plans.length]).toEqual([true, ['a', 'b'], 1]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('D5: the signal ends the pause between two plans at once', async () => {
    const one = host([]);
    await pass(1);
    expect(one.ended()).toBe(false);
    await stopped(one);
    expect(one.plans).toHaveLength(1);
  });

  test.each([[['a']], [[]]])(
    'D5: a signal that fires while a plan is under way: it ends after the plan, without a pause (chosen: %j)',
    async (chosen: string[]) => {
      const plan = deferred();
      const one = host([], { plan: () => plan.promise.then(() => ({ ...planOf(...chosen), more: true })) });
      await pass(0);
      one.stop.abort();
      plan.resolve();
      await pass(0);
      for (const tenantId of chosen) await one.end(tenantId);
      expect([one.ended(), one.plans.length, jest.getTimerCount()]).toEqual([true, 1, 0]);
    },
  );

  test('D5: with a signal that has already fired, no plan runs', async () => {
    const plan = jest.fn();
    const never = {
      onPlan() {},
      onRun() {},
      dispatch: jest.fn(),
      serveWakes: () => () => {},
    };
    const options = { intervalMs, parallelRuns: 1, logger: recordingLogger(), signal: AbortSignal.abort() };
    await runLocalHost({ ...options, ...never, plan });
    expect(plan).not.toHaveBeenCalled();
  });

  test('D5: a host’s pauses leave no listener on a long-lived signal', async () => {
    const one = host([]);
    await pass(10 * intervalMs);
    expect(one.plans).toHaveLength(11);
    expect(getEventListeners(one.stop.signal, 'abort')).toHaveLength(1);
    await stopped(one);
    expect(getEventListeners(one.stop.signal, 'abort')).toEqual([]);
  });
});

describe('a wake of the same process (F7)', () => {
  test('F7: is served at once in a free slot, without a plan', async () => {
    const one = host([], { parallelRuns: 2 });
    await pass(1);
    const places = one.wakes.reserve(1);
    one.wakes.serve(planOf('a').requests, places);
    await pass(0);
    expect([one.started, one.plans.length]).toEqual([['a'], 1]);
    await one.end('a');
    expect(one.plans).toHaveLength(1);
    await stopped(one);
  });

  test('F7, D8: takes no slot of another run, of a plan or of another wake', async () => {
    const slowPlan = deferred();
    let plans = 0;
    const one = host([], {
      parallelRuns: 3,
      plan: async () => {
        if (++plans === 2) await slowPlan.promise;
        return planOf();
      },
    });
    await pass(1);
    one.wakes.serve(planOf('a').requests, one.wakes.reserve(1));
    expect([one.wakes.reserve(5), one.wakes.reserve(1)]).toEqual([2, 0]);
    one.wakes.serve([], 2);
    // The plan that is under way may choose a tenant for each free slot.
    await pass(intervalMs);
    expect([plans, one.plans.at(-1)!.capacity, one.wakes.reserve(1)]).toEqual([2, 2, 0]);
    slowPlan.resolve();
    await pass(0);
    expect(one.wakes.reserve(5)).toBe(2);
    one.wakes.serve(planOf('b', 'c').requests, 2);
    expect(one.wakes.reserve(1)).toBe(0);
    await pass(0);
    await stopped(one);
  });

  test('F4, F7: gets no slot while tenants wait: the strategy chooses among all of them', async () => {
    const one = host(['a', 'b', 'c'], { parallelRuns: 1 });
    await pass(1);
    expect(one.wakes.reserve(1)).toBe(0);
    for (const id of ['a', 'b']) {
      // In the moment in which the slot is free, it is for the plan.
      one.runs.get(id)!.resolve({ more: false });
      for (let turn = 0; turn < 20; turn++) {
        await null;
        expect(one.wakes.reserve(1)).toBe(0);
      }
    }
    expect(one.started).toEqual(['a', 'b', 'c']);
    await stopped(one);
  });

  test('F4, F7: a flood of wakes that takes every slot does not keep the due tenants from their plans', async () => {
    const due: string[] = [];
    const one = host(due, { parallelRuns: 1 });
    await pass(1);
    let wakes = 0;
    const flood = () => {
      const places = one.wakes.reserve(1);
      one.wakes.serve(places > 0 ? planOf(`woken-${++wakes}`).requests : [], places);
    };
    flood();
    due.push('planned-1', 'planned-2');
    // A plan is due, and finds no free slot.
    await pass(intervalMs);
    expect(one.started).toEqual(['woken-1']);
    for (const id of ['woken-1', 'planned-1', 'planned-2']) {
      flood();
      one.runs.get(id)!.resolve({ more: false });
      for (let turn = 0; turn < 20; turn++) {
        await null;
        flood();
      }
    }
    expect(one.started).toEqual(['woken-1', 'planned-1', 'planned-2', 'woken-2']);
    await stopped(one);
  });

  test('F7: that no slot was free for makes the next free slot plan at once', async () => {
    const one = host([], { parallelRuns: 1 });
    await pass(1);
    one.wakes.serve(planOf('a').requests, one.wakes.reserve(1));
    expect(one.wakes.reserve(1)).toBe(0);
    one.wakes.planSoon();
    await pass(10);
    expect(one.plans).toHaveLength(1);
    await one.end('a');
    expect(one.plans).toEqual([
      { at: 0, capacity: 1 },
      { at: 11, capacity: 1 },
    ]);
    await stopped(one);
  });

  test('F7: that came while a plan read the tenants is planned right after it', async () => {
    const slowPlan = deferred();
    let plans = 0;
    const one = host([], {
      plan: async () => {
        if (++plans === 1) await slowPlan.promise;
        return planOf();
      },
    });
    await pass(1);
    expect(one.wakes.reserve(1)).toBe(0);
    one.wakes.planSoon();
    slowPlan.resolve();
    await pass(0);
    expect(plans).toBe(2);
    await pass(intervalMs - 1);
    expect(plans).toBe(2);
    await stopped(one);
  });

  test('F3, F7: plans that choose nothing, because other hosts do, are not made back to back', async () => {
    const one = host([], { plan: async () => ({ ...planOf(), status: 'leased-elsewhere' }) });
    await pass(1);
    for (let ms = 0; ms < intervalMs - 1; ms++) {
      one.wakes.planSoon();
      await pass(1);
    }
    expect(one.plans.length).toBeGreaterThan(10);
    expect(one.plans.length).toBeLessThan(20);
    // The first of them is made at once, also after a quiet interval.
    await pass(2 * intervalMs);
    const before = one.plans.length;
    one.wakes.planSoon();
    await pass(0);
    expect(one.plans).toHaveLength(before + 1);
    await stopped(one);
  });

  test('F3, F7: early plans that another host keeps out are made again after pauses that double, until the interval', async () => {
    const one = host([], { plan: async () => ({ ...planOf(), status: 'leased-elsewhere' }) });
    await pass(1);
    one.wakes.planSoon();
    await pass(intervalMs + 255);
    expect(times(one)).toEqual([0, 1, 6, 16, 36, 76, 156, 256, 1_256]);
    await stopped(one);
  });

  test('F3, F4, F7: while an early plan waits for its pause, wakes get no slot and bring it no further forward', async () => {
    const one = host([]);
    await pass(1);
    one.wakes.planSoon();
    await pass(0);
    one.wakes.planSoon();
    expect(one.wakes.reserve(1)).toBe(0);
    await pass(4);
    one.wakes.planSoon();
    await pass(0);
    expect(times(one)).toEqual([0, 1]);
    await pass(1);
    expect(times(one)).toEqual([0, 1, 6]);
    await stopped(one);
  });

  test('F3, F7: the pause between early plans does not become shorter because no slot was free meanwhile', async () => {
    const one = host([], { parallelRuns: 1 });
    await pass(1);
    one.wakes.planSoon();
    await pass(0);
    one.wakes.planSoon();
    await pass(5);
    const places = one.wakes.reserve(1);
    one.wakes.planSoon();
    await pass(10);
    one.wakes.serve([], places);
    await pass(9);
    expect(times(one)).toEqual([0, 1, 6]);
    await pass(1);
    expect(times(one)).toEqual([0, 1, 6, 26]);
    await stopped(one);
  });

  test('F7: an early plan that another host keeps out is made again soon: it may have had too few free slots', async () => {
    let isFree = false;
    const one = host([], {
      plan: async () => ({ ...planOf(), status: isFree ? 'idle' : 'leased-elsewhere' }),
    });
    await pass(1);
    one.wakes.planSoon();
    await pass(1);
    isFree = true;
    const before = one.plans.length;
    await pass(50);
    expect(one.plans).toHaveLength(before + 1);
    await stopped(one);
  });

  test('F3, F7: wakes do not shorten the pause after a plan that failed', async () => {
    const one = host([], { plan: async () => Promise.reject(new Error('away')) });
    await pass(1);
    for (let ms = 0; ms < 2 * intervalMs - 2; ms++) {
      one.wakes.planSoon();
      await pass(1);
    }
    expect(one.plans).toHaveLength(1);
    await pass(1);
    expect(one.plans).toHaveLength(2);
    await stopped(one);
  });

  test('F3, F7: a plan that found every slot kept for a wake is made once the wake gives one up', async () => {
    const one = host([], { parallelRuns: 1 });
    await pass(1);
    const places = one.wakes.reserve(1);
    await pass(intervalMs);
    expect(one.plans).toHaveLength(1);
    one.wakes.serve([], places);
    await pass(0);
    expect(one.plans).toHaveLength(2);
    await stopped(one);
  });

  test('F7: that came during the run is served by another run in the same slot', async () => {
    const one = host([], { parallelRuns: 1 });
    await pass(1);
    one.wakes.serve(planOf('a').requests, one.wakes.reserve(1));
    await pass(0);
    expect(one.mayContinue.get('a')!()).toBe(true);
    one.runs.get('a')!.resolve({ more: false, woken: true, continuation: planOf('a').requests[0]! });
    for (let turn = 0; turn < 20; turn++) {
      await null;
      expect(one.wakes.reserve(1)).toBe(0);
    }
    expect([one.started, one.plans.length]).toEqual([['a', 'a'], 1]);
    await stopped(one);
  });

  test('F7: that came during the run, and is served by another run, brings no plan forward', async () => {
    const one = host([], { parallelRuns: 2 });
    await pass(1);
    one.wakes.serve(planOf('a').requests, one.wakes.reserve(1));
    await pass(0);
    one.runs.get('a')!.resolve({ more: true, woken: true, continuation: planOf('a').requests[0]! });
    await pass(0);
    expect([one.started, one.plans.length]).toEqual([['a', 'a'], 1]);
    await stopped(one);
  });

  test('F4, F7: that came during the run waits for the strategy if other tenants wait', async () => {
    const due = ['a', 'b'];
    const one = host(due, { parallelRuns: 1 });
    await pass(0);
    expect(one.mayContinue.get('a')!()).toBe(false);
    due.push('a');
    one.runs.get('a')!.resolve({ more: false, woken: true });
    await pass(0);
    await one.end('b');
    expect(one.started).toEqual(['a', 'b', 'a']);
    await stopped(one);
  });

  test('F7: that came during the run is planned at once, also if the report came too late for the plan', async () => {
    const slowPlan = deferred();
    let plans = 0;
    const one = host([], {
      plan: async () => {
        if (++plans === 1) return planOf('a');
        if (plans === 2) await slowPlan.promise;
        return planOf();
      },
    });
    await pass(intervalMs);
    one.runs.get('a')!.resolve({ more: false, woken: true });
    await pass(0);
    slowPlan.resolve();
    await pass(0);
    expect(plans).toBe(3);
    await stopped(one);
  });

  test('F5, F7: a tenant that fails brings no plan forward when it is woken', async () => {
    const one = host(['a']);
    await pass(0);
    one.runs.get('a')!.resolve({ more: false, woken: true, outcome: 'failed' });
    await pass(intervalMs - 1);
    expect(one.plans).toHaveLength(1);
    await stopped(one);
  });

  test('D5, F7: that is under way when the host stops is waited for; its run ends and reports', async () => {
    const one = host([], { parallelRuns: 2 });
    await pass(1);
    const { wakes } = one;
    const places = wakes.reserve(1);
    one.stop.abort();
    await pass(0);
    expect([one.ended(), wakes.reserve(1)]).toEqual([false, 0]);
    wakes.serve(planOf('a').requests, places);
    await pass(0);
    expect([one.ended(), one.started]).toEqual([false, ['a']]);
    one.runs.get('a')!.resolve({ more: false, woken: true });
    await pass(0);
    expect([one.ended(), one.plans.length]).toEqual([true, 1]);
    await stopped(one);
  });

  test.each([[[]], [['a']]])(
    'D5, F7: a host that stops waits for a wake that is under way, and no longer (chosen: %j)',
    async (chosen: string[]) => {
      const one = host([]);
      await pass(1);
      const { wakes } = one;
      const places = wakes.reserve(1);
      one.stop.abort();
      await pass(0);
      expect(one.ended()).toBe(false);
      wakes.serve(planOf(...chosen).requests, places);
      await pass(0);
      for (const tenantId of chosen) await one.end(tenantId);
      expect(one.ended()).toBe(true);
    },
  );
});
