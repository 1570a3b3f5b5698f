import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Fleet, type FleetOptions } from '../../../src/fleet/index.ts';
import { roundRobin } from '../../../src/fleet/plan/strategies/round-robin.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { HandlerSet } from '../../../src/queue/handler-set.ts';
import { noCounts } from '../../../src/queue/tally.ts';
import { loadSettings, type SettingsInput } from '../../../src/settings.ts';
import type { PointMessage } from '../../../src/telemetry/points.ts';
import { deferred, turns } from '../../support/deferred.ts';
import { fakeTimers } from '../../support/fake-timers.ts';
import { message, orders } from '../../support/queue-run.ts';
import { parkedOutbox } from '../../support/queue-state.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { until } from '../../support/until.ts';

const place = new SqlitePlace();
const fleets: Fleet[] = [];
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.close();
});

/** A fleet on the registry of the folder, without a schema. */
function bareFleet(fields: Partial<FleetOptions> = {}, settings: SettingsInput = {}): Fleet {
  const fleet = new Fleet({
    settings: loadSettings(settings, {}),
    tenants: undefined,
    logger: recordingLogger(),
    owner: 'host',
    engine: place.engine(),
    handlers: new Map([['outbox', new HandlerSet([orders(() => {})])]]),
    strategy: roundRobin(),
    ...fields,
  });
  fleets.push(fleet);
  return fleet;
}

/** A fleet of these tenants, and the registry as another host sees it. */
async function fleetOf(ids: readonly string[], fields?: Partial<FleetOptions>, settings?: SettingsInput) {
  const registry = await place.registry();
  for (const id of ids) await registry.add(tenantDefinition({ id }), `key-of-${id}`);
  return { fleet: bareFleet(fields, settings), registry };
}

describe('wakes (F7)', () => {
  test('F7: they are shown on the diagnostics channel, tenant by tenant', async () => {
    const { fleet } = await fleetOf(['a', 'b']);
    const points: unknown[] = [];
    const note = (message: unknown) => {
      const { point, tenantId } = message as PointMessage;
      points.push([point, tenantId]);
    };
    subscribe('multi-outbox:point', note);
    await fleet.wake(['a', 'b']);
    unsubscribe('multi-outbox:point', note);
    expect(points).toEqual([
      ['wake:before', 'a'],
      ['wake:before', 'b'],
      ['wake:after', 'a'],
      ['wake:after', 'b'],
    ]);
  });

  test.each([
    ['paused', 'TENANT_NOT_ACTIVE'],
    ['nobody', 'UNKNOWN_TENANT'],
  ])(
    'F7: of several tenants one that cannot be woken (%s) is named, and the others are woken',
    async (id, code) => {
      const { fleet, registry } = await fleetOf(['a', 'paused']);
      await registry.setStatus('paused', 'paused');
      for (const tenantId of ['a', 'paused']) await registry.report(reportOf(tenantId));
      await expect(fleet.wake(['a', id])).rejects.toMatchObject({ code, tenantId: id });
      await fleet.wake(['a']);
      expect(await fleet.plan()).toMatchObject({ requests: [{ tenantId: 'a', reason: 'wake' }] });
    },
  );
});

/** The report of a run; the tenant is due in an hour. */
const reportOf = (tenantId: string, parkedTopics: readonly string[] = []) => ({
  tenantId,
  outcome: 'dispatched' as const,
  counts: noCounts,
  durationMs: 1,
  backlog: false,
  queues: parkedOutbox(...parkedTopics),
  schedule: { mode: 'set', nextDueInMs: 3_600_000, idleStreak: 0, failureStreak: 0 } as const,
});

describe('plans', () => {
  test('D4: the first one wakes tenants with messages of topics that now have a handler', async () => {
    const { fleet, registry } = await fleetOf(['a', 'b']);
    await registry.report(reportOf('a', ['other']));
    await registry.report(reportOf('b', ['orders']));
    expect(await fleet.plan()).toMatchObject({ requests: [{ tenantId: 'b', reason: 'wake' }] });
  });

  test('F2: one notices a tenant’s change for a run that works meanwhile', async () => {
    const { fleet, registry } = await fleetOf(['a'], {}, { directory: { refreshMs: 1 } });
    const { directory, databases } = await fleet.handle.ready();
    const gate = deferred();
    const changes: AbortSignal[] = [];
    const using = databases.use(await directory.get('a'), async (_, changed) => {
      changes.push(changed);
      await gate.promise;
    });
    await registry.setStatus('a', 'paused');
    await until('it is noticed', async () => {
      await fleet.plan();
      return changes[0]!.aborted;
    });
    gate.resolve();
    await using;
  });

  test('S5: one does not wait for the history; closing the fleet does', async () => {
    const { fleet } = await fleetOf(['a']);
    const { registry } = await fleet.handle.ready();
    const gate = deferred();
    const keep = jest.spyOn(registry, 'keepHistory').mockReturnValue(gate.promise);
    expect(await fleet.plan()).toMatchObject({ requests: [{ tenantId: 'a' }] });
    expect(keep).toHaveBeenCalledTimes(1);
    let isClosed = false;
    const closed = fleet.close().then(() => {
      isClosed = true;
    });
    await turns();
    expect(isClosed).toBe(false);
    gate.resolve();
    await closed;
  });

  test('D5: none begins once the fleet is being stopped', async () => {
    const { fleet } = await fleetOf(['a']);
    await fleet.handle.stop();
    await expect(fleet.plan()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('the capacity of a plan (F3)', () => {
  test('F3: is that of the call, or else that of the settings', async () => {
    const { fleet } = await fleetOf(['a', 'b', 'c', 'd'], {}, { plan: { capacity: 2 } });
    expect((await fleet.plan({ capacity: 1 })).requests).toHaveLength(1);
    expect((await fleet.plan()).requests).toHaveLength(2);
  });

  test.each([0, -1, 1.5, Number.NaN, '2'])(
    'F3: %p is refused, before the registry is asked',
    async (capacity) => {
      const fleet = bareFleet();
      await expect(fleet.plan({ capacity: capacity as number })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/^The plan's capacity is .*; it must be a whole number from 1\.$/),
      });
    },
  );

  test('an option that is not known is refused with the name of the call', async () => {
    await expect(bareFleet().plan({ capacty: 1 } as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^plan: .*'capacty'/),
    });
  });
});

describe('when a request that was lost is made again (F3, F6)', () => {
  const redispatchMs = async (settings: SettingsInput) => {
    const { fleet } = await fleetOf(['a'], {}, settings);
    const { registry } = await fleet.handle.ready();
    const commit = jest.spyOn(registry, 'commitPlan');
    await fleet.plan();
    return commit.mock.calls[0]![0].redispatchMs;
  };

  test('F3: after the time that is set, or else after a lease and its grace', async () => {
    const dispatch = { leaseMs: 40_000, graceMs: 2_000 };
    expect(await redispatchMs({ dispatch, plan: { redispatchMs: '5m' } })).toBe(300_000);
    await place.clear();
    expect(await redispatchMs({ dispatch })).toBe(42_000);
  });

  test('F6: within the bound of all looks', async () => {
    expect(await redispatchMs({ plan: { redispatchMs: '5m' }, schedule: { lookWithinMs: 1_000 } })).toBe(
      1_000,
    );
  });
});

describe('a host without handlers (D4)', () => {
  test('D4: dispatches nothing, and says so before it asks the registry', async () => {
    const fleet = bareFleet({ handlers: new Map() });
    await expect(fleet.dispatch({ tenantId: 'a' })).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' });
    bareFleet().assertHandlers();
  });
});

describe('a run whose lease an operator has released (L5)', () => {
  test('L5: its tenant is due now, whatever its run is doing', async () => {
    const { fleet } = await fleetOf(['a', 'b']);
    expect((await fleet.plan()).requests).toHaveLength(2);
    await fleet.giveUpRun('a');
    expect(await fleet.plan()).toMatchObject({ requests: [{ tenantId: 'a', reason: 'wake' }] });
  });

  test('L5: a registry that is away fails nothing; the log says when the tenant is due', async () => {
    const logger = recordingLogger();
    const { fleet } = await fleetOf(['a'], { logger });
    const { registry } = await fleet.handle.ready();
    jest.spyOn(registry, 'postpone').mockRejectedValue(new Error('away'));
    await fleet.giveUpRun('a');
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { tenantId: 'a', error: { message: expect.stringContaining('away') } } },
    ]);
  });
});

describe('a woken tenant’s host (F7)', () => {
  /** A host with so many places, and what it is given. */
  const hostOf = (places: number) => {
    const served: { ids: string[]; reserved: number }[] = [];
    const host = {
      plans: 0,
      served,
      reserve: (wanted: number) => Math.min(places, wanted),
      serve: async (requests: readonly { tenantId: string }[], reserved: number) => {
        served.push({ ids: requests.map(({ tenantId }) => tenantId), reserved });
      },
      planSoon: () => void host.plans++,
    };
    return host;
  };

  test('F7: serves as many as it has places for; for the others it plans soon', async () => {
    const { fleet, registry } = await fleetOf(['a', 'b', 'c']);
    for (const id of ['a', 'b', 'c']) await registry.report(reportOf(id));
    const host = hostOf(2);
    const end = fleet.serveWakes(host);
    const { chosen, due } = await fleet.wake(['a', 'b', 'c']);
    expect([chosen.length, due.length, host.plans]).toEqual([2, 1, 1]);
    expect(host.served).toEqual([{ ids: chosen.map(({ id }) => id), reserved: 2 }]);
    end();
    await registry.report(reportOf('a'));
    await fleet.wake(['a']);
    expect([host.served.length, host.plans]).toEqual([1, 1]);
  });

  test('F7: is given its places back when no tenant was chosen, and plans no sooner', async () => {
    const { fleet, registry } = await fleetOf(['a']);
    await registry.setStatus('a', 'paused');
    const host = hostOf(2);
    fleet.serveWakes(host);
    await expect(fleet.wake(['a'])).rejects.toMatchObject({ code: 'TENANT_NOT_ACTIVE' });
    expect([host.served, host.plans]).toEqual([[{ ids: [], reserved: 1 }], 0]);
  });
});

test('options that are not an object are refused with the name of the call', async () => {
  const { fleet } = await fleetOf(['a']);
  const refused = (call: string) => ({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(`^${call}: the options must be an object`),
  });
  await expect(fleet.plan(7 as never)).rejects.toMatchObject(refused('plan'));
  await expect(fleet.dispatch({ tenantId: 'a' }, 7 as never)).rejects.toMatchObject(refused('dispatch'));
});

describe('dispatch runs', () => {
  test('F1, S2: one whose host has not heard that the tenant moved reports nothing, and the host learns of it', async () => {
    const { fleet, registry } = await fleetOf(['a'], {}, { directory: { refreshMs: 600_000 } });
    const { directory } = await fleet.handle.ready();
    await directory.get('a');
    const moved = await registry.change(tenantDefinition({ id: 'a', database: 'new.db' }), 'another key');
    await fleet.dispatch({ tenantId: 'a' });
    expect(await registry.get('a')).toMatchObject({ schedule: { lastRunUtc: null, failureStreak: 0 } });
    expect(await directory.get('a')).toEqual(await registry.get('a'));
    expect((await directory.get('a')).version).toBe(moved.version);
    await fleet.dispatch({ tenantId: 'a' });
    expect(await registry.get('a')).toMatchObject({ schedule: { lastOutcome: 'failed', failureStreak: 1 } });
  });

  test('D7, D8: a run’s log line names the tenant, the run and its error', async () => {
    const logger = recordingLogger();
    const { fleet } = await fleetOf(['a'], { logger });
    // The tenant has no database.
    const { runId, error } = await fleet.dispatch({ tenantId: 'a' });
    expect(error).toMatchObject({ code: 'DATABASE_MISSING' });
    expect(logger.lines).toMatchObject([
      { level: 'error', fields: { tenantId: 'a', runId, outcome: 'failed', error } },
    ]);
  });

  test('T1: a handler of inbox messages stores its own messages in the tenant’s outbox', async () => {
    const handler = orders((_, { transaction }) =>
      transaction((tx) => tx.enqueue({ topic: 'next', payload: '1' })),
    );
    const handlers = new Map([['inbox', new HandlerSet([handler])]] as const);
    const { fleet } = await fleetOf(['a'], { handlers });
    const database = await place.tenant('a');
    await database.queue('inbox').enqueue([message('x')]);
    expect(await fleet.dispatch({ tenantId: 'a' })).toMatchObject({ counts: { done: 1 } });
    expect(await database.queue('outbox').statistics()).toMatchObject({ ready: 1 });
    expect(await database.queue('inbox').statistics()).toMatchObject({ ready: 0, done: 1 });
  });
});

describe('the source of jitter', () => {
  const pass = fakeTimers();

  test('F5: it decides when a tenant whose run failed is due again', async () => {
    const { fleet, registry } = await fleetOf(['a'], { random: () => 0 });
    // The tenant has no database.
    expect(await fleet.dispatch({ tenantId: 'a' })).toMatchObject({ outcome: 'failed' });
    const { nextDueUtc, lastRunUtc } = (await registry.get('a'))!.schedule;
    expect(nextDueUtc!.getTime() - lastRunUtc!.getTime()).toBe(2_500);
  });

  test('F7: it decides when a failed wake is repeated', async () => {
    const { fleet } = await fleetOf(['a'], { random: () => 0 });
    const { registry } = await fleet.handle.ready();
    const wake = jest.spyOn(registry, 'wake').mockRejectedValueOnce(new Error('the registry is away'));
    await fleet.wakes.wake('a');
    await pass(250);
    expect(wake).toHaveBeenCalledTimes(2);
  });
});

describe('a tenant’s database', () => {
  test('F2: it can be used while the tenant is paused, and not when it is retired', async () => {
    const { fleet, registry } = await fleetOf(['a', 'b']);
    await registry.setStatus('a', 'paused');
    await registry.setStatus('b', 'retired');
    expect(await fleet.useTenant('a', async ({ tenantId }) => tenantId)).toBe('a');
    const refused = { code: 'TENANT_NOT_ACTIVE', tenantId: 'b' };
    await expect(fleet.useTenant('b', async () => {})).rejects.toMatchObject(refused);
  });
});

describe('the user’s directory (F2)', () => {
  const tenants = { name: 'test', read: () => [{ id: 'a' }] };
  const failing = {
    name: 'test',
    read: () => {
      throw new Error('the list is away');
    },
  };
  const idsOf = (results: readonly { tenantId: string | null }[]) => results.map(({ tenantId }) => tenantId);

  test('F2: migrate makes the registry, reads the list and migrates its tenants', async () => {
    const fleet = bareFleet({ tenants });
    const migrations = await fleet.migrate({});
    expect(idsOf(migrations)).toEqual([null, 'a']);
    expect(migrations[1]).toMatchObject({ result: { from: 0 } });
    await expect(bareFleet({ tenants: failing }).migrate({})).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
    });
  });

  test('F2: doctor reads the list first; while it cannot be read, it examines the registry', async () => {
    await place.registry();
    expect(idsOf(await bareFleet({ tenants: failing }).examine({}))).toEqual([null]);
    expect(idsOf(await bareFleet({ tenants }).examine({}))).toEqual([null, 'a']);
  });
});

describe('close (D5)', () => {
  test('D5: it waits for the work first, then wakes, and then closes the databases; idempotent', async () => {
    const { fleet } = await fleetOf(['a']);
    const { registry } = await fleet.handle.ready();
    const work = deferred();
    void fleet.handle.track(work.promise);
    let isOver = false;
    const closing = fleet.close();
    void closing.then(() => {
      isOver = true;
    });
    await turns();
    expect(isOver).toBe(false);
    jest.spyOn(registry, 'wake').mockRejectedValue(new Error('the registry is away'));
    await fleet.wakes.wake('a');
    work.resolve();
    expect(await closing).toEqual(['a']);
    expect(fleet.close()).toBe(closing);
    await expect(fleet.tenants.list()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
