/** S5: the history of the fleet by minute and of each tenant by hour. */
import { addHistograms, bucketCount, emptyHistogram, type Histogram } from '../../src/engine/histogram.ts';
import type { HistoryFlow } from '../../src/engine/history.ts';
import type { Registry } from '../../src/engine/registry.ts';
import { add, beginPlan, noCounts, planAll, report, tenantOf } from './registry-entry.ts';
import type { Scene } from './scene.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** A histogram with these counts in its first and in its last bucket. */
const histogram = (first: number, last: number, maxMs: number): Histogram => {
  const buckets = new Array<number>(bucketCount).fill(0);
  buckets[0] = first;
  buckets[bucketCount - 1] = last;
  return { buckets, maxMs };
};
const times = { wait: histogram(2, 1, 4_000_000), handle: histogram(3, 0, 1) };
const counts = { done: 1, retried: 2, dead: 3, released: 4, parked: 5, lost: 6, recovered: 7 };
const worked = { outcome: 'dispatched', counts, times } as const;

const sum = (flows: readonly HistoryFlow[]) => ({
  runs: flows.reduce((total, { runs }) => total + runs, 0),
  failedRuns: flows.reduce((total, { failedRuns }) => total + failedRuns, 0),
  done: flows.reduce((total, each) => total + each.counts.done, 0),
  wait: flows
    .map(({ wait }) => wait.buckets)
    .reduce(
      (buckets, each) => addHistograms({ buckets, maxMs: null }, { buckets: each, maxMs: null }).buckets,
      emptyHistogram.buckets,
    ),
});

export function registryHistorySuite(scene: Scene): void {
  describe('registry: history', () => {
    async function planned(...ids: string[]) {
      const { registry, stage } = await scene.registry();
      for (const id of ids) await add(registry, id);
      await planAll(registry);
      /** As if the time had passed since everything that is stored. */
      const timePasses = (ms: number) => stage.setClockBack('registry', -ms);
      return { registry, timePasses };
    }
    const hoursOf = (registry: Registry, id: string) => registry.tenantHistory(id, dayMs);

    test('S5: a report adds its run to its tenant’s hour', async () => {
      const { registry } = await planned('a', 'b');
      await report(registry, 'a', worked);
      await report(registry, 'a', {
        ...worked,
        times: { wait: histogram(0, 1, 9_000_000), handle: histogram(1, 0, 0) },
      });
      await report(registry, 'b', {
        outcome: 'failed',
        counts: noCounts,
        times: { wait: emptyHistogram, handle: emptyHistogram },
      });
      const hours = await hoursOf(registry, 'a');
      // The hour may have ended between the two reports.
      if (hours.length === 1) {
        expect(hours[0]!.utc.getTime() % hourMs).toBe(0);
        expect(hours[0]).toMatchObject({
          runs: 2,
          failedRuns: 0,
          counts: Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, 2 * count])),
          wait: histogram(2, 2, 9_000_000),
          handle: histogram(4, 0, 1),
        });
      }
      expect(sum(hours)).toMatchObject({ runs: 2, done: 2, wait: histogram(2, 2, 0).buckets });
      expect(await hoursOf(registry, 'b')).toMatchObject([
        { runs: 1, failedRuns: 1, counts: noCounts, wait: { maxMs: null }, handle: { maxMs: null } },
      ]);
    });

    test('S5, F6: a tenant’s hour and the fleet’s minute stay at their bound, and the report succeeds', async () => {
      const { registry } = await planned('a');
      const many = { ...noCounts, done: 2_000_000_000 };
      for (let reports = 0; reports < 3; reports++) await report(registry, 'a', { ...worked, counts: many });
      // The hour may have ended between two reports.
      const hours = await hoursOf(registry, 'a');
      const [least, most] = [2 ** 31 - 1, 6_000_000_000];
      const done = sum(hours).done;
      expect(done).toBeGreaterThanOrEqual(least);
      expect(done).toBeLessThanOrEqual(most);
      expect(sum(await registry.fleetHistory(hourMs))).toMatchObject({ runs: 3, done: most });
      expect((await tenantOf(registry, 'a')).schedule.totals.done).toBe(most);
    });

    test('S5: runs that did nothing, and reports while the history is off, write none', async () => {
      const { registry } = await planned('a');
      for (const outcome of ['idle', 'skipped', 'resuming'] as const)
        await report(registry, 'a', { outcome, times });
      await report(registry, 'a', { outcome: 'dispatched', counts });
      await report(registry, 'unknown', worked);
      expect(await hoursOf(registry, 'a')).toEqual([]);
      expect(await hoursOf(registry, 'unknown')).toEqual([]);
    });

    test('S5: the first plan of a minute is told so, whatever it finds', async () => {
      const { registry, timePasses } = await planned('a');
      const isFirst = async () => {
        const plan = await beginPlan(registry);
        return plan.status !== 'leased-elsewhere' && plan.previous.isFirstOfMinute;
      };
      await timePasses(minuteMs);
      const told = [await isFirst(), await isFirst(), await isFirst()];
      // Another minute may have begun, but not two.
      expect(told[0]).toBe(true);
      expect(told.filter(Boolean).length).toBeLessThanOrEqual(2);
    });

    test('S5: a minute of the fleet has the state of its first plan', async () => {
      const { registry, timePasses } = await planned('a', 'b');
      await report(registry, 'a', { ...worked, nextDueInMs: 0 });
      await registry.keepHistory({ record: true });
      const [first] = await registry.fleetHistory(hourMs);
      expect(first!.utc.getTime() % minuteMs).toBe(0);
      await timePasses(2 * minuteMs);
      await Promise.all([
        registry.keepHistory({ record: true }),
        report(registry, 'b', { outcome: 'failed', failureStreak: 1, times }),
        registry.keepHistory({ record: true }),
      ]);
      await registry.keepHistory({ record: true });
      const states = (await registry.fleetHistory(hourMs)).flatMap(({ state }) => state ?? []);
      expect(states[0]).toMatchObject({ active: 2, due: 1, failing: 0, dead: 0 });
      expect(states[0]!.oldestDueMs).toBeGreaterThanOrEqual(0);
      // Another minute may have begun.
      expect([2, 3]).toContain(states.length);
    });

    test('S5: every report is in the minute in which it was made, whenever plans are made', async () => {
      const { registry, timePasses } = await planned('a', 'b');
      const minuteOf = async (id: string) => {
        const { lastRunUtc } = (await tenantOf(registry, id)).schedule;
        return Math.floor(lastRunUtc!.getTime() / minuteMs) * minuteMs;
      };
      await registry.keepHistory({ record: true });
      await report(registry, 'a', worked);
      await timePasses(minuteMs);
      await registry.keepHistory({ record: true });
      await report(registry, 'b', { outcome: 'failed', times });
      // The rest of the hour, and two more, are without a plan.
      await timePasses(3 * hourMs);
      await registry.keepHistory({ record: true });
      const minutes = await registry.fleetHistory(4 * hourMs);
      const at = (utc: number) => minutes.filter((minute) => minute.utc.getTime() === utc);
      expect(at(await minuteOf('a'))).toMatchObject([
        { runs: 1, failedRuns: 0, counts, wait: { buckets: times.wait.buckets, maxMs: null } },
      ]);
      expect(at(await minuteOf('b'))).toMatchObject([{ runs: 1, failedRuns: 1 }]);
      expect(sum(minutes)).toMatchObject({ runs: 2, failedRuns: 1 });
    });

    test('S5: the fleet’s minutes add up to its tenants’ hours', async () => {
      const { registry, timePasses } = await planned('a', 'b');
      // Each turn is in an hour of its own; one has two plans, one has none. No time is moved to where another one is.
      for (const [turn, plans] of [1, 2, 0, 1].entries()) {
        await Promise.all(['a', 'b'].map((id) => report(registry, id, worked)));
        for (let made = 0; made < plans; made++) await registry.keepHistory({ record: true });
        await report(registry, 'a', { ...worked, outcome: 'failed' });
        await timePasses(2 ** turn * hourMs);
      }
      const hours = (await Promise.all(['a', 'b'].map((id) => hoursOf(registry, id)))).flat();
      expect(sum(hours)).toMatchObject({ runs: 12, failedRuns: 4, done: 12 });
      expect(sum(await registry.fleetHistory(dayMs))).toEqual(sum(hours));
    });

    test('S5: hours older than 14 days and minutes older than 7 days are removed, also while the history is off', async () => {
      const { registry, timePasses } = await planned('a');
      await report(registry, 'a', worked);
      await registry.keepHistory({ record: true });
      await timePasses(8 * dayMs);
      await registry.keepHistory({ record: false });
      expect(await registry.fleetHistory(20 * dayMs)).toEqual([]);
      expect(await registry.tenantHistory('a', 20 * dayMs)).toHaveLength(1);
      expect(await hoursOf(registry, 'a')).toEqual([]);
      await timePasses(7 * dayMs);
      await registry.keepHistory({ record: false });
      expect(await registry.tenantHistory('a', 20 * dayMs)).toEqual([]);
    });
  });
}
