/**
 * Measures the cost of a sweep over many tenants: calls to each tenant's database (Q9), logins (F8), and milliseconds
 * per tenant. The raw code to compare with opens the same files, does only the necessary work, and closes them.
 */

import type { MultiOutbox, RunOutcome, SettingsInput, TickReport } from '../src/index.ts';
import { assertCount, atMost, type Benchmark, type Measurement } from './benchmark.ts';
import { type CallCounts, countCalls } from './counting.ts';
import { fill, hasty, makeTenants, openFleet, tenantNames } from './fleet.ts';
import { countLogins } from './logins.ts';
import type { Place } from './place.ts';
import { msEach, timesRaw } from './spread.ts';
import { type Cost, interleave, timed } from './timing.ts';

/** Messages of a loaded tenant: one batch. */
const messages = 20;
/** Tenants whose databases a host keeps open by its defaults. */
const keptOpen = 200;
/** Idle tenants of one server, which a host must keep connected by its defaults. */
const connected = 200;
/** Only wakes make a tenant due, so that each tick dispatches only the intended tenants. */
const settings: SettingsInput = { schedule: { idleCeilingMs: 'never' } };

export const sweep: Benchmark = {
  name: 'sweep',
  title: 'a tick over many idle or loaded tenants, against raw code on the same files',
  async run({ places, quick, repetitions, progress }) {
    const count = quick ? 10 : 500 * places.scale;
    const place = await places.open('sweep');
    const idle = tenantNames(count, 'idle');
    const loaded = tenantNames(count, 'loaded');
    progress(`making ${2 * count} tenants`);
    await makeTenants(place, [...idle, ...loaded]);

    progress('counting calls');
    await load(place, loaded);
    const calls = await countedTick(place, 2 * count);
    const callsOf = (ids: readonly string[]) => Math.max(...ids.map((id) => calls.get(id) ?? 0));

    await using fleet = openFleet(place, settings);
    progress('idle tenants');
    const logins: number[] = [];
    const idleCosts = await interleave(repetitions, {
      async ours(repetition) {
        await fleet.wake(idle);
        const before = place.logins?.() ?? 0;
        const cost = await timedTick(fleet, idle.length, 'idle', 1);
        if (repetition > 0) logins.push((place.logins?.() ?? 0) - before);
        return cost;
      },
      async oursAnew() {
        await using started = openFleet(place, settings);
        await started.wake(idle);
        return await timedTick(started, idle.length, 'idle', 1);
      },
      raw: () => rawProbes(place, idle),
    });
    progress('loaded tenants');
    const loadedCosts = await interleave(repetitions, loadedTicks(place, fleet, loaded));
    await fleet.close();
    progress('tenants that are open');
    const openIdle = idle.slice(0, keptOpen);
    const openLoaded = loaded.slice(0, keptOpen);
    await using opening = openFleet(place, settings);
    const openIdleCosts = await interleave(repetitions, {
      async ours() {
        await opening.wake(openIdle);
        return timedTick(opening, openIdle.length, 'idle', 1);
      },
      raw: () => rawProbes(place, openIdle),
    });
    await opening.close();
    await using reopening = openFleet(place, settings);
    const openLoadedCosts = await interleave(repetitions, loadedTicks(place, reopening, openLoaded));
    await reopening.close();
    await place.remove();
    progress('logins');
    const loginCosts = await countLogins(connected, repetitions);
    const onOneServer: Measurement = {
      case: 'idle, on one server that only answers',
      counts: { tenants: connected, calls: 1, logins: Math.max(...loginCosts.logins) },
      figures: { msPerTenant: msEach(connected, loginCosts) },
    };
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
          case: 'idle, by a host that has just started',
          counts: { tenants: count, calls: callsOf(idle) },
          figures: {
            ...timesRaw(idleCosts.oursAnew, idleCosts.raw),
            msPerTenant: msEach(count, idleCosts.oursAnew),
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
        {
          case: 'idle, and open',
          counts: { tenants: openIdle.length, calls: callsOf(openIdle) },
          figures: {
            ...timesRaw(openIdleCosts.ours, openIdleCosts.raw),
            msPerTenant: msEach(openIdle.length, openIdleCosts.ours),
            rawMsPerTenant: msEach(openIdle.length, openIdleCosts.raw),
          },
        },
        {
          case: `loaded with ${messages} messages, and open`,
          counts: { tenants: openLoaded.length, calls: callsOf(openLoaded) },
          figures: {
            ...timesRaw(openLoadedCosts.ours, openLoadedCosts.raw),
            msPerTenant: msEach(openLoaded.length, openLoadedCosts.ours),
            rawMsPerTenant: msEach(openLoaded.length, openLoadedCosts.raw),
          },
        },
        onOneServer,
      ],
      targets: [
        atMost('calls to the database of an idle tenant', callsOf(idle), 1),
        atMost('calls to the database of a tenant with one batch', callsOf(loaded), 2),
        atMost(
          `logins of a tick over ${connected} idle tenants of one server`,
          Math.max(...loginCosts.logins),
          0,
        ),
        ...(place.logins === undefined
          ? []
          : [atMost(`logins of a tick over ${count} idle tenants of this server`, Math.max(...logins), 0)]),
      ],
      notes: [
        'Our figures include the plan and the report to the registry. There are more files than may stay open. Of the loaded ones about half are opened and closed; of the idle ones those that are unchanged since the last look are not opened, and a host that has just started opens all. Connections to a server stay open.',
        'Of the tenants that are open, ours are kept open, and the raw code opens and closes them.',
        'The raw code opens, probes and closes an idle tenant; it opens, claims, settles and closes a loaded one.',
      ],
    };
  },
};

/** The raw code's look at each of these tenants, which are idle. */
function rawProbes(place: Place, tenantIds: readonly string[]): Promise<Cost> {
  return timed(async () => {
    for (const id of tenantIds) {
      const tenant = await place.rawTenant(id);
      assertCount('due messages found', Number(await tenant.probe()), 0);
      await tenant.close();
    }
  });
}

/** Our tick over these tenants, each with a batch of messages, and the raw code's. */
function loadedTicks(place: Place, fleet: MultiOutbox, tenantIds: readonly string[]) {
  return {
    async ours() {
      await load(place, tenantIds);
      await fleet.wake(tenantIds);
      return timedTick(fleet, tenantIds.length, 'dispatched', 2);
    },
    async raw() {
      await load(place, tenantIds);
      return timed(async () => {
        for (const id of tenantIds) {
          const tenant = await place.rawTenant(id);
          assertCount('messages drained', await tenant.drain(100, () => {}), messages);
          await tenant.close();
        }
      });
    },
  };
}

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

/**
 * Makes one tick over all tenants, counts the calls to each database, and compares the counts with the runs' reports.
 */
async function countedTick(place: Place, tenants: number): Promise<CallCounts> {
  await using fleet = openFleet(place, settings);
  let tick: TickReport | undefined;
  const counts = await countCalls(place.registry, async () => {
    tick = await fleet.tick();
  });
  assertCount('tenants served by the first tick', tick!.runs.length, tenants);
  for (const { tenantId, roundTrips } of tick!.runs) {
    assertCount(`calls to '${tenantId}' against its report`, counts.get(tenantId) ?? 0, roundTrips);
  }
  return counts;
}
