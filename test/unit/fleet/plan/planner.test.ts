import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { DatabaseSync } from 'node:sqlite';
import type { PlanCandidate, Registry } from '../../../../src/engine/registry.ts';
import { makePlan } from '../../../../src/fleet/plan/planner.ts';
import { roundRobin } from '../../../../src/fleet/plan/strategies/round-robin.ts';
import type { Strategy } from '../../../../src/fleet/plan/strategy.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { noCounts } from '../../../../src/queue/tally.ts';
import { loadSettings } from '../../../../src/settings.ts';
import { candidate } from '../../../support/candidate.ts';
import { type LogLine, recordingLogger } from '../../../support/recording-logger.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';
import { until } from '../../../support/until.ts';

const place = new SqlitePlace();
const { plan: settings } = loadSettings({}, {});

async function registryWith(...ids: string[]): Promise<Registry> {
  const registry = await place.registry();
  for (const id of ids) await registry.add(tenantDefinition({ id }), `key-of-${id}`);
  return registry;
}

interface PlanFields {
  strategy?: Strategy;
  owner?: string;
  capacity?: number;
  intervalMs?: number;
  leaseMs?: number;
  lookWithinMs?: number;
  lines?: LogLine[];
  learnt?: string[];
  onNewMinute?: () => void;
}

function plan(registry: Registry, fields: PlanFields = {}) {
  const { strategy = roundRobin(), owner = 'planner-1', capacity = 100, lines = [], learnt = [] } = fields;
  return makePlan(
    {
      registry,
      strategy,
      owner,
      plan: { ...settings, intervalMs: fields.intervalMs ?? settings.intervalMs },
      leaseMs: fields.leaseMs ?? 30_000,
      redispatchMs: 60_000,
      lookWithinMs: fields.lookWithinMs ?? 86_400_000,
      logger: recordingLogger(lines),
      onTenant: ({ id }) => learnt.push(id),
      ...(fields.onNewMinute && { onNewMinute: fields.onNewMinute }),
    },
    capacity,
  );
}

/** A strategy that does what a test wants. */
function choosing(choose: (candidates: readonly PlanCandidate[], capacity: number) => unknown): Strategy {
  return { name: 'misbehaving', choose: choose as Strategy['choose'] };
}

/** The report of a run; the tenant is due again at once. */
const dueAgain = (tenantId: string) => ({
  tenantId,
  outcome: 'dispatched' as const,
  counts: noCounts,
  durationMs: 1,
  backlog: false,
  schedule: { mode: 'set', nextDueInMs: 0, idleStreak: 3, failureStreak: 2 } as const,
});

describe('a plan (F3)', () => {
  test('F3: every due tenant gets one dispatch request, and is not due again at once', async () => {
    const registry = await registryWith('a', 'b');
    const learnt: string[] = [];
    const first = await plan(registry, { learnt });
    expect(first).toMatchObject({ status: 'planned', due: 2, conflicts: 0, more: false, nextDueInMs: null });
    expect(first.requests.map(({ tenantId }) => tenantId).sort()).toEqual(['a', 'b']);
    expect(first.requests[0]).toMatchObject({ version: 1, reason: 'due', idleStreak: 0, failureStreak: 0 });
    expect(new Date(first.requests[0]!.plannedUtc).toISOString()).toBe(first.requests[0]!.plannedUtc);
    expect(learnt.sort()).toEqual(['a', 'b']);
    const second = await plan(registry);
    expect(second).toMatchObject({ status: 'idle', requests: [], due: 0 });
    expect(second.nextDueInMs).toBeGreaterThan(0);
  });

  test('F3: the request says why: woken, backlog, or due; and carries the streaks', async () => {
    const registry = await registryWith('a', 'b', 'c');
    await plan(registry);
    const report = (tenantId: string, backlog: boolean) =>
      registry.report({ ...dueAgain(tenantId), backlog });
    await report('a', false);
    await report('b', true);
    await report('c', false);
    await registry.wake(['c']);
    const { requests } = await plan(registry);
    const byTenant = Object.fromEntries(requests.map((request) => [request.tenantId, request]));
    expect(byTenant.a).toMatchObject({ reason: 'due', idleStreak: 3, failureStreak: 2 });
    expect(byTenant.b).toMatchObject({ reason: 'backlog' });
    expect(byTenant.c).toMatchObject({ reason: 'wake' });
  });

  test('F3: capacity cuts, and the report says that more are due', async () => {
    const registry = await registryWith('a', 'b', 'c');
    const first = await plan(registry, { capacity: 2 });
    expect(first).toMatchObject({ due: 3, more: true });
    expect(first.requests).toHaveLength(2);
    const second = await plan(registry, { capacity: 2 });
    expect(second).toMatchObject({ due: 1, more: false });
    const served = [...first.requests, ...second.requests].map(({ tenantId }) => tenantId);
    expect(served.sort()).toEqual(['a', 'b', 'c']);
  });

  test('F3: while another planner holds the plan lease, no tenant is planned', async () => {
    const registry = await registryWith('a');
    await registry.beginPlan({ owner: 'planner-2', leaseMs: 60_000, limit: 10 });
    expect(await plan(registry)).toMatchObject({ status: 'leased-elsewhere', requests: [] });
  });

  test('F3: it reports its begin, and its commit if it chose a tenant', async () => {
    const registry = await registryWith('a');
    const points: unknown[] = [];
    const note = (message: unknown) => points.push(message);
    subscribe('multi-outbox:point', note);
    try {
      await plan(registry);
      await plan(registry);
    } finally {
      unsubscribe('multi-outbox:point', note);
    }
    const [begun, committed] = ['plan:begun', 'plan:committed'].map((point) => ({ point, tenantId: null }));
    expect(points).toEqual([begun, committed, begun]);
  });

  test('F3: of two planners never both win a tenant', async () => {
    const registry = await registryWith('a', 'b');
    // The first planner's lease has run out, and the second planner comes in between the first one's reading and its
    // commit.
    let second: Awaited<ReturnType<typeof plan>> | undefined;
    const interrupted: Registry = Object.assign(Object.create(registry), {
      beginPlan: (request: Parameters<Registry['beginPlan']>[0]) => registry.beginPlan(request),
      async commitPlan(commit: Parameters<Registry['commitPlan']>[0]) {
        await registry.leases.release(commit.lease);
        second = await plan(registry, { owner: 'planner-2' });
        return registry.commitPlan(commit);
      },
    });
    const first = await plan(interrupted);
    expect(second?.requests).toHaveLength(2);
    expect(first).toMatchObject({ requests: [], conflicts: 2 });
  });

  test('F3: a late plan and one that never finished are noticed and reported', async () => {
    const registry = await registryWith('a');
    expect(await plan(registry)).toMatchObject({ sinceLastPlanMs: null, late: false, unfinished: false });
    await registry.report(dueAgain('a'));
    await registry.beginPlan({ owner: 'planner-1', leaseMs: 60_000, limit: 10 });
    const lines: LogLine[] = [];
    // The same owner plans again: it crashed, and has come back.
    const next = await plan(registry, { lines, intervalMs: 1 });
    expect(next).toMatchObject({ status: 'planned', unfinished: true });
    expect(next.requests.map(({ tenantId }) => tenantId)).toEqual(['a']);
    expect(lines.map(({ level }) => level)).toEqual(['warn']);
    const quiet: LogLine[] = [];
    const long = await plan(registry, { intervalMs: Number.MAX_SAFE_INTEGER, lines: quiet });
    expect(long).toMatchObject({ late: false, unfinished: false });
    expect(quiet).toEqual([]);
  });

  test.each([
    [2 * 60_000, false],
    [2 * 60_000 + 1, true],
  ])(
    'F3: a tick is late when the last one is more than two intervals ago (%p ms: %p)',
    async (sinceMs, late) => {
      const registry = await registryWith('a');
      const aged: Registry = Object.assign(Object.create(registry), {
        beginPlan: async (request: Parameters<Registry['beginPlan']>[0]) => ({
          ...(await registry.beginPlan(request)),
          previous: { sinceMs, unfinished: false },
        }),
        commitPlan: (commit: Parameters<Registry['commitPlan']>[0]) => registry.commitPlan(commit),
      });
      const report = await plan(aged, { intervalMs: 60_000 });
      expect(report).toMatchObject({ status: 'planned', sinceLastPlanMs: sinceMs, late });
    },
  );

  test('F4: a strategy with an order reads only its capacity, one without an order more', async () => {
    const registry = await registryWith('a', 'b');
    const asked: Parameters<Registry['beginPlan']>[0][] = [];
    const watched: Registry = Object.assign(Object.create(registry), {
      beginPlan(request: Parameters<Registry['beginPlan']>[0]) {
        asked.push(request);
        return registry.beginPlan(request);
      },
      commitPlan: (commit: Parameters<Registry['commitPlan']>[0]) => registry.commitPlan(commit),
    });
    await plan(watched, { capacity: 1 });
    await plan(watched, { capacity: 1, strategy: choosing((given) => given) });
    expect(asked).toMatchObject([
      { limit: 1, order: 'longest-due', leaseMs: 30_000 },
      { limit: 10_000, leaseMs: 30_000 },
    ]);
    expect(asked[1]).not.toHaveProperty('order');
  });

  test.each([
    [10_000, 10_000],
    [60_000, 30_000],
  ])('F3: with a queue lease of %p ms the plan lease lasts %p ms', async (leaseMs, expected) => {
    const registry = await registryWith('a');
    const beginPlan = jest.spyOn(registry, 'beginPlan');
    await plan(registry, { leaseMs });
    expect(beginPlan).toHaveBeenCalledWith(expect.objectContaining({ leaseMs: expected }));
  });

  test('F3: the log tells who holds the plan lease, and that a plan did not finish', async () => {
    const registry = await registryWith('a');
    await registry.beginPlan({ owner: 'planner-2', leaseMs: 60_000, limit: 10 });
    const lines: LogLine[] = [];
    const skipped = await plan(registry, { lines });
    expect(skipped).toEqual({
      status: 'leased-elsewhere',
      requests: [],
      due: 0,
      oldestDueMs: null,
      conflicts: 0,
      more: false,
      sinceLastPlanMs: null,
      late: false,
      unfinished: false,
      nextDueInMs: null,
    });
    expect(lines).toMatchObject([{ level: 'debug', fields: { owner: 'planner-2' } }]);
    await plan(registry, { owner: 'planner-2', lines });
    expect(lines.slice(1)).toMatchObject([{ level: 'warn', fields: { sinceMs: expect.any(Number) } }]);
  });

  test('F3: the report has the longest time that a tenant has been due', async () => {
    const registry = await registryWith('a');
    const { nextDueUtc } = (await registry.get('a'))!.schedule;
    const leastMs = 5;
    await until('it has been due for a while', () => Date.now() >= nextDueUtc!.getTime() + leastMs);
    const { oldestDueMs } = await plan(registry);
    expect(oldestDueMs).toBeGreaterThanOrEqual(leastMs);
    expect(oldestDueMs).toBeLessThanOrEqual(Date.now() - nextDueUtc!.getTime());
    expect(await plan(registry)).toMatchObject({ status: 'idle', oldestDueMs: 0 });
  });

  test('F3: a plan whose due tenants are all paused before it reads them chooses none', async () => {
    const registry = await registryWith('a');
    const emptied: Registry = Object.assign(Object.create(registry), {
      beginPlan: async (request: Parameters<Registry['beginPlan']>[0]) => ({
        ...(await registry.beginPlan(request)),
        candidates: [],
      }),
      commitPlan: (commit: Parameters<Registry['commitPlan']>[0]) => registry.commitPlan(commit),
    });
    expect(await plan(emptied)).toMatchObject({
      status: 'planned',
      requests: [],
      oldestDueMs: 0,
      more: true,
    });
  });

  test('S5: the first plan of each minute of the registry says so, whether a tenant is due or not', async () => {
    let now = Date.UTC(2026, 0, 1);
    const registry = await place.registry(place.engine({ clock: () => now }));
    await registry.add(tenantDefinition({ id: 'a' }), 'key');
    const minutes: number[] = [];
    const times = [0, 59_999, 60_000, 60_001, 120_000].map((ms) => now + ms);
    for (const time of times) {
      now = time;
      await plan(registry, { onNewMinute: () => minutes.push(time) });
    }
    expect(minutes).toEqual([times[0], times[2], times[4]]);
  });

  test('Q15: a tenant whose row cannot be read is logged with its columns, and planned like the others', async () => {
    const registry = await registryWith('a', 'b');
    const foreign = new DatabaseSync(place.file('registry.db'));
    foreign.exec(`UPDATE Tenants SET Tags = '["gold"]', LastCounts = '[]' WHERE Id = 'a'`);
    foreign.close();
    const lines: LogLine[] = [];
    const { requests } = await plan(registry, { lines });
    expect(requests.map(({ tenantId }) => tenantId).sort()).toEqual(['a', 'b']);
    expect(lines).toMatchObject([
      { level: 'warn', fields: { tenantId: 'a', columns: ['Tags', 'LastCounts'] } },
    ]);
  });

  test('F3: the request names the last run known, or that there was none, so that a later one makes it stale', async () => {
    const registry = await registryWith('a');
    expect((await plan(registry)).requests).toMatchObject([{ lastRunUtc: null }]);
    await registry.report({
      tenantId: 'a',
      outcome: 'idle',
      counts: noCounts,
      durationMs: 1,
      backlog: false,
      schedule: { mode: 'set', nextDueInMs: 0, idleStreak: 0, failureStreak: 0 },
    });
    const { lastRunUtc } = (await registry.get('a'))!.schedule;
    expect((await plan(registry)).requests).toMatchObject([{ lastRunUtc: lastRunUtc!.toISOString() }]);
  });
});

describe("a user's strategy (F4)", () => {
  test('F4: for any result a tenant is chosen once, only if due, and within the capacity', async () => {
    const registry = await registryWith('a', 'b', 'c');
    const greedy = choosing((given) => [candidate('stranger'), given[1], given[1], undefined, ...given]);
    const { requests, due, more } = await plan(registry, { strategy: greedy, capacity: 2 });
    expect(requests).toHaveLength(2);
    expect(new Set(requests.map(({ tenantId }) => tenantId)).size).toBe(2);
    expect(requests.some(({ tenantId }) => tenantId === 'stranger')).toBe(false);
    expect({ due, more }).toEqual({ due: 3, more: true });
  });

  test('F4: of a list that never ends 20,000 entries are read', async () => {
    const most = 20_000;
    const strangers = (count: number) => Array.from({ length: count }, () => candidate('stranger'));
    const listing = (before: number) =>
      choosing(function* ([first]) {
        yield* strangers(before);
        yield first;
        yield* strangers(most);
        throw new Error('the list is read without end');
      });
    const registry = await registryWith('a');
    expect(await plan(registry, { strategy: listing(most) })).toMatchObject({ requests: [], more: true });
    const { requests } = await plan(registry, { strategy: listing(most - 1) });
    expect(requests).toMatchObject([{ tenantId: 'a' }]);
  });

  test('F4: copies of candidates are not candidates', async () => {
    const registry = await registryWith('a');
    const copying = choosing((given) => given.map((each) => ({ ...each })));
    expect(await plan(registry, { strategy: copying })).toMatchObject({ requests: [], due: 1, more: true });
  });

  test('F4: one that empties the list it is given does not confuse the plan', async () => {
    const registry = await registryWith('a', 'b');
    const emptying = choosing((given) => (given as PlanCandidate[]).splice(0, 1));
    expect(await plan(registry, { strategy: emptying })).toMatchObject({ due: 2, more: true });
  });

  test('F4: one that chooses no tenant releases the plan lease', async () => {
    const registry = await registryWith('a');
    expect(await plan(registry, { strategy: choosing(() => []) })).toMatchObject({ requests: [], due: 1 });
    expect((await plan(registry, { owner: 'planner-2' })).requests).toHaveLength(1);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('division by zero');
      },
      'division by zero',
    ],
    ['returns nothing', () => undefined, 'iterable'],
    ['returns a promise', async (given: unknown) => given, 'iterable'],
    ['returns a promise that rejects', () => Promise.reject(new Error('no clock')), 'iterable'],
  ])(
    'F4: one that %s fails the plan by its name, and gives the plan lease back',
    async (_, choose, named) => {
      const unhandled: unknown[] = [];
      const note = (error: unknown) => unhandled.push(error);
      process.on('unhandledRejection', note);
      const registry = await registryWith('a');
      const failed = plan(registry, { strategy: choosing(choose) });
      await expect(failed).rejects.toMatchObject({
        code: 'INVALID_CONFIGURATION',
        message: expect.stringMatching(new RegExp(`'misbehaving'.*${named}`)),
      });
      expect((await plan(registry, { owner: 'planner-2' })).requests).toHaveLength(1);
      // Node reports unhandled rejections before the next turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      process.off('unhandledRejection', note);
      expect(unhandled).toEqual([]);
    },
  );
});
