/**
 * What a sweep over many tenants costs: calls to each tenant's database (Q9), and milliseconds a tenant against raw
 * code that opens the same files, does the same least work and closes them.
 */

import { TenantDirectory } from '../src/fleet/directory.ts';
import { dispatchTenant } from '../src/fleet/dispatcher.ts';
import { engineFor } from '../src/fleet/engines.ts';
import { OpenDatabases } from '../src/fleet/open-databases.ts';
import { makePlan } from '../src/fleet/planner.ts';
import { roundRobin } from '../src/fleet/strategies/round-robin.ts';
import type { MultiOutbox, RunOutcome, SettingsInput, TickReport } from '../src/index.ts';
import { loadSettings } from '../src/index.ts';
import { tickOnce } from '../src/local/tick.ts';
import { HandlerSet } from '../src/queue/handler-set.ts';
import { silentLogger } from '../src/telemetry/logger.ts';
import { assertCount, atMost, type Benchmark } from './benchmark.ts';
import { type CallCounts, countingEngine } from './counting.ts';
import { fill, hasty, makeTenants, noop, openFleet, tenantNames } from './fleet.ts';
import type { Place } from './place.ts';
import { msEach, timesRaw } from './spread.ts';
import { interleave, timed } from './timing.ts';

/** Messages of a loaded tenant: one batch. */
const messages = 20;
/** Only wakes make a tenant due, so that each tick serves just the tenants it is meant for. */
const settings: SettingsInput = { schedule: { idleCeilingMs: 'never' } };

export const sweep: Benchmark = {
  name: 'sweep',
  title: 'a tick over many idle or loaded tenants, against raw code on the same files',
  async run({ places, quick, repetitions, progress }) {
    const count = quick ? 10 : 500;
    const place = await places.open('sweep');
    const idle = tenantNames(count, 'idle');
    const loaded = tenantNames(count, 'loaded');
    progress(`making ${2 * count} tenants`);
    await makeTenants(place, [...idle, ...loaded]);

    progress('counting calls');
    await load(place, loaded);
    const calls = await countCalls(place, 2 * count);
    const callsOf = (ids: readonly string[]) => Math.max(...ids.map((id) => calls.get(id) ?? 0));

    await using fleet = openFleet(place, settings);
    progress('idle tenants');
    const idleCosts = await interleave(repetitions, {
      async ours() {
        await fleet.wake(idle);
        return timedTick(fleet, idle.length, 'idle', 1);
      },
      raw: () =>
        timed(async () => {
          for (const id of idle) {
            const tenant = await place.rawTenant(id);
            assertCount('due messages found', Number(await tenant.probe()), 0);
            await tenant.close();
          }
        }),
    });
    progress('loaded tenants');
    const loadedCosts = await interleave(repetitions, {
      async ours() {
        await load(place, loaded);
        await fleet.wake(loaded);
        return timedTick(fleet, loaded.length, 'dispatched', 2);
      },
      async raw() {
        await load(place, loaded);
        return timed(async () => {
          for (const id of loaded) {
            const tenant = await place.rawTenant(id);
            assertCount('messages drained', await tenant.drain(100, () => {}), messages);
            await tenant.close();
          }
        });
      },
    });
    await fleet.close();
    await place.remove();
    return {
      measurements: [
        {
          case: 'idle',
          counts: { tenants: count, calls: callsOf(idle) },
          figures: {
            ...timesRaw(idleCosts.ours, idleCosts.raw),
            msPerTenant: msEach(count, idleCosts.ours),
            rawMsPerTenant: msEach(count, idleCosts.raw),
          },
        },
        {
          case: `loaded with ${messages} messages`,
          counts: { tenants: count, calls: callsOf(loaded) },
          figures: {
            ...timesRaw(loadedCosts.ours, loadedCosts.raw),
            msPerTenant: msEach(count, loadedCosts.ours),
            rawMsPerTenant: msEach(count, loadedCosts.raw),
          },
        },
      ],
      targets: [
        atMost('calls to the database of an idle tenant', callsOf(idle), 1),
        atMost('calls to the database of a tenant with one batch', callsOf(loaded), 2),
      ],
      notes: [
        'Ours includes the plan, checking the schema and the report to the registry; more tenants than may stay open, so each is opened and closed.',
        'Raw opens, probes and closes an idle tenant; it opens, claims, settles and closes a loaded one.',
      ],
    };
  },
};

async function load(place: Place, tenantIds: readonly string[]): Promise<void> {
  await using fleet = openFleet(place, hasty);
  for (const id of tenantIds) await fill(fleet, id, { count: messages });
}

async function timedTick(fleet: MultiOutbox, tenants: number, outcome: RunOutcome, calls: number) {
  let tick: TickReport | undefined;
  const cost = await timed(async () => {
    tick = await fleet.tick();
  });
  assertCount(`tenants ${outcome}`, tick!.runs.filter((run) => run.outcome === outcome).length, tenants);
  assertCount('tenants served', tick!.runs.length, tenants);
  const reported = tick!.runs.filter(({ roundTrips }) => roundTrips === calls).length;
  assertCount(`tenants with ${calls} calls reported`, reported, tenants);
  return cost;
}

/** One tick over all tenants, composed as the library face composes it, but of an engine that counts. */
async function countCalls(place: Place, tenants: number): Promise<CallCounts> {
  const checked = loadSettings({ ...settings, registry: place.registry });
  const counts: CallCounts = new Map();
  const engine = countingEngine(await engineFor(place.registry, checked), counts);
  const registry = engine.openRegistry();
  const databases = new OpenDatabases(engine, checked.databases);
  const logger = silentLogger;
  const owner = 'bench';
  const directory = new TenantDirectory({
    registry,
    settings: checked.directory,
    logger,
    onChange() {},
  });
  const handlers = new Map([['outbox', new HandlerSet([noop])] as const]);
  const run = {
    registry,
    directory,
    databases,
    handlers,
    settings: checked,
    owner,
    logger,
    random: Math.random,
  };
  const planner = {
    registry,
    strategy: roundRobin(),
    owner,
    plan: checked.plan,
    redispatchMs: 60_000,
    logger,
    onTenant: directory.learn.bind(directory),
  };
  try {
    const tick = await tickOnce({
      plan: () => makePlan(planner, tenants),
      dispatch: (request) => dispatchTenant(run, request, undefined),
      parallelRuns: checked.dispatch.parallelRuns,
      onRun() {},
    });
    assertCount('tenants served by the first tick', tick.runs.length, tenants);
    for (const { tenantId, roundTrips } of tick.runs) {
      assertCount(`calls to '${tenantId}' against its report`, counts.get(tenantId) ?? 0, roundTrips);
    }
    return counts;
  } finally {
    await databases.close();
    await registry.close();
    await engine.close();
  }
}
