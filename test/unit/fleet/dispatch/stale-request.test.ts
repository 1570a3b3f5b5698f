import type { Registry } from '../../../../src/engine/registry.ts';
import type { Reported, TenantReport } from '../../../../src/engine/tenant-report.ts';
import { canContinue, continuation } from '../../../../src/fleet/dispatch/continuation.ts';
import { isStaleRequest } from '../../../../src/fleet/dispatch/stale-request.ts';
import type { DispatchRequest } from '../../../../src/fleet/dispatch-request.ts';
import { makePlan } from '../../../../src/fleet/plan/planner.ts';
import { roundRobin } from '../../../../src/fleet/plan/strategies/round-robin.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { noCounts } from '../../../../src/queue/tally.ts';
import { loadSettings } from '../../../../src/settings.ts';
import { tenantRecord } from '../../../support/candidate.ts';
import { type LogLine, recordingLogger } from '../../../support/recording-logger.ts';
import { planOf, reportOf } from '../../../support/requests.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';
import { until } from '../../../support/until.ts';

const place = new SqlitePlace();
const logger = recordingLogger();

async function planned(): Promise<{ registry: Registry; request: DispatchRequest }> {
  const registry = await place.registry();
  await registry.add(tenantDefinition({ id: 'acme' }), 'key');
  return { registry, request: await planAgain(registry) };
}

async function planAgain(registry: Registry): Promise<DispatchRequest> {
  const { requests } = await makePlan(
    {
      registry,
      strategy: roundRobin(),
      owner: 'planner',
      plan: loadSettings({}, {}).plan,
      leaseMs: 30_000,
      redispatchMs: 60_000,
      lookWithinMs: 86_400_000,
      logger,
      onTenant() {},
    },
    10,
  );
  return requests[0]!;
}

/** The same request, sent a long time ago. */
function old(request: DispatchRequest): DispatchRequest {
  return { ...request, plannedUtc: new Date(Date.now() - 31_000).toISOString() };
}

function report(
  registry: Registry,
  schedule: Partial<TenantReport['schedule']> = { nextDueInMs: 60_000 },
): Promise<Reported> {
  return registry.report({
    tenantId: 'acme',
    outcome: 'dispatched',
    counts: noCounts,
    durationMs: 1,
    backlog: false,
    schedule: { mode: 'set', nextDueInMs: 60_000, idleStreak: 0, failureStreak: 0, ...schedule },
  });
}

describe('stale requests', () => {
  test('a request whose tenant has run and reported since it was planned is stale', async () => {
    const { registry, request } = await planned();
    expect(request.lastRunUtc).toBeNull();
    expect(await isStaleRequest(old(request), registry, logger)).toBe(false);
    await report(registry);
    const lines: LogLine[] = [];
    expect(await isStaleRequest(old(request), registry, recordingLogger(lines))).toBe(true);
    expect(lines).toMatchObject([{ level: 'debug' }]);
  });

  test('a request for a tenant that is not registered is not stale, which the log need not mention', async () => {
    const { registry, request } = await planned();
    const lines: LogLine[] = [];
    const unknown = { ...old(request), tenantId: 'nobody' };
    expect(await isStaleRequest(unknown, registry, recordingLogger(lines))).toBe(false);
    expect(lines).toEqual([]);
  });

  describe('Q2: at the bounds', () => {
    const now = Date.parse('2026-03-01T10:00:00.000Z');
    beforeEach(() => {
      jest.spyOn(Date, 'now').mockReturnValue(now);
    });
    afterEach(() => {
      jest.restoreAllMocks();
    });

    /** Whether the request of a plan of so many milliseconds ago is stale; the tenant is due in so many. */
    async function isStale(ageMs: number, dueInMs: number | null) {
      const { schedule } = tenantRecord('acme');
      const nextDueUtc = dueInMs === null ? null : new Date(now + dueInMs);
      const lastRunUtc = new Date(now - 1_000);
      const tenant = tenantRecord('acme', { schedule: { ...schedule, nextDueUtc, lastRunUtc } });
      const plannedUtc = new Date(now - ageMs).toISOString();
      const request = { ...planOf('acme').requests[0]!, plannedUtc, lastRunUtc: null };
      const lines: LogLine[] = [];
      const registry = { get: async () => tenant } as unknown as Registry;
      const stale = await isStaleRequest(request, registry, recordingLogger(lines));
      expect(lines.map(({ level }) => level)).toEqual(stale ? ['debug'] : []);
      return stale;
    }

    test.each([
      [29_999, false],
      [30_000, true],
    ])('a request is compared with the registry from 30 seconds of age on (%p ms)', async (ageMs, stale) => {
      expect(await isStale(ageMs, 3_600_000)).toBe(stale);
    });

    test.each([
      [30_000, false],
      [30_001, true],
      [null, true],
    ])('a tenant that is due within 30 seconds keeps its request (%p ms)', async (dueInMs, stale) => {
      expect(await isStale(60_000, dueInMs)).toBe(stale);
    });
  });

  test('a run that was known when the request was planned does not make it stale, a later one does', async () => {
    const { registry } = await planned();
    await report(registry, { nextDueInMs: 0 });
    const request = await planAgain(registry);
    expect(request.lastRunUtc).toBe((await registry.get('acme'))!.schedule.lastRunUtc!.toISOString());
    expect(await isStaleRequest(old(request), registry, logger)).toBe(false);
    // A run reports later than the one before it: in another millisecond.
    await until('a later run has made it stale', async () => {
      await report(registry);
      return isStaleRequest(old(request), registry, logger);
    });
  });

  test('F7: no request is stale while the tenant is due, for instance by a wake', async () => {
    const { registry, request } = await planned();
    await report(registry);
    await registry.wake(['acme']);
    expect(await isStaleRequest(old(request), registry, logger)).toBe(false);
  });

  test('Q2: nor when it is due soon: this host’s clock may be behind the registry’s', async () => {
    const { registry, request } = await planned();
    await report(registry, { nextDueInMs: 20_000 });
    expect(await isStaleRequest(old(request), registry, logger)).toBe(false);
  });

  test('age by itself does not make a request stale', async () => {
    const { registry, request } = await planned();
    const ancient = { ...request, plannedUtc: '2001-01-01T00:00:00.000Z' };
    expect(await isStaleRequest(ancient, registry, logger)).toBe(false);
  });

  test('a young request, and one that names no known run, cause no call to the registry', async () => {
    const { registry, request } = await planned();
    await report(registry);
    const asked: string[] = [];
    const watched = {
      get(id: string) {
        asked.push(id);
        return registry.get(id);
      },
    } as Registry;
    expect(await isStaleRequest(request, watched, logger)).toBe(false);
    const { lastRunUtc, ...unknowing } = old(request);
    expect(await isStaleRequest(unknowing, watched, logger)).toBe(false);
    expect(asked).toEqual([]);
    expect(await isStaleRequest(old(request), watched, logger)).toBe(true);
    expect(asked).toEqual(['acme']);
  });

  test('when the registry does not answer, the request is dispatched', async () => {
    const { registry, request } = await planned();
    await report(registry);
    await registry.close();
    const lines: LogLine[] = [];
    expect(await isStaleRequest(old(request), registry, recordingLogger(lines))).toBe(false);
    expect(lines).toMatchObject([{ level: 'warn', fields: { error: { code: 'CLOSED' } } }]);
  });
});

describe('the request that carries on', () => {
  const backlog = { tenantId: 'acme', more: true };
  const streaks = { idleStreak: 2, failureStreak: 0 };
  const answer: Reported = { woken: false, chosen: true, lastRunUtc: null, moved: false };

  test.each([
    ['dispatched', undefined, true],
    ['idle', undefined, true],
    ['failed', undefined, false],
    ['resuming', undefined, false],
    ['skipped', 'leased-elsewhere', true],
    ['skipped', 'stale', false],
    ['skipped', 'not-active', false],
  ] as const)('F5: after a run that is %s (%s) there may be one: %p', (outcome, skipped, may) => {
    const report = { ...reportOf(planOf('acme').requests[0]!), outcome, ...(skipped && { skipped }) };
    expect(canContinue(report)).toBe(may);
  });

  test('F5, F7: there is one if the registry has chosen the tenant; it says why, and a wake’s has the streaks', () => {
    expect(continuation(backlog, streaks, { ...answer, chosen: false, woken: true })).toBeUndefined();
    const request = continuation(backlog, streaks, answer);
    expect(request).toMatchObject({ version: 1, tenantId: 'acme', reason: 'backlog', lastRunUtc: null });
    expect(request).not.toHaveProperty('idleStreak');
    expect(request).not.toHaveProperty('traceparent');
    const woken = continuation({ ...backlog, more: false }, streaks, answer);
    expect(woken).toMatchObject({ reason: 'wake', ...streaks });
  });

  test('where the registry knows of no run, as after a restored backup, any later run makes it stale', async () => {
    const { registry } = await planned();
    const request = continuation(backlog, streaks, answer)!;
    expect(await isStaleRequest(old(request), registry, logger)).toBe(false);
    await report(registry);
    expect(await isStaleRequest(old(request), registry, logger)).toBe(true);
  });

  test('it knows the run it follows: only a later one makes it stale', async () => {
    const { registry } = await planned();
    const request = continuation(backlog, streaks, { ...(await report(registry)), chosen: true })!;
    expect(request.lastRunUtc).toBe((await registry.get('acme'))!.schedule.lastRunUtc!.toISOString());
    expect(await isStaleRequest(old(request), registry, logger)).toBe(false);
    // A run reports later than the one before it: in another millisecond.
    await until('a later run has made it stale', async () => {
      await report(registry);
      return isStaleRequest(old(request), registry, logger);
    });
  });

  test('without an answer of the registry a backlog has one that is never stale; a wake has none', () => {
    const request = continuation(backlog, streaks, null);
    expect(request).toMatchObject({ reason: 'backlog' });
    expect(request).not.toHaveProperty('lastRunUtc');
    expect(continuation({ ...backlog, more: false }, streaks, null)).toBeUndefined();
  });
});
