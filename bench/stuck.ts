/**
 * Measures the cost of a long blocked ordering group for other messages (Q10). It compares two drains of free messages:
 * one beside a group that waits for the retry of its first message, and one without such a group.
 */
import { assertCount, atMost, type Benchmark, type Measurement } from './benchmark.ts';
import { drainTenant, fill, hasty, makeTenants, openFleet, retrying, withCopy } from './fleet.ts';
import type { Place } from './place.ts';
import { perSecond, ratio } from './spread.ts';
import { interleave, timed } from './timing.ts';

const hourMs = 3_600_000;

/** How the blocked messages are mixed with the free ones: the number of alternating parts in which they were enqueued. */
const layouts = [
  { name: 'before', turns: 1 },
  { name: 'among', turns: 50 },
] as const;

interface Counts {
  readonly free: number;
  readonly stuck: number;
}

export const stuck: Benchmark = {
  name: 'stuck',
  title:
    'draining free messages beside many that one ordering key blocks, against draining only the free ones',
  async run({ places, quick, repetitions, progress }) {
    const counts = quick ? { free: 200, stuck: 1_000 } : { free: 10_000, stuck: 100_000 };
    const place = await places.open('stuck');
    progress('filling');
    await makeTenants(place, ['alone', ...layouts.map(({ name }) => name)]);
    await fillFree(place, 'alone', counts.free);
    for (const { name, turns } of layouts) await fillStuck(place, name, turns, counts);
    const measurements: Measurement[] = [];
    for (const { name } of layouts) {
      progress(`stuck ones ${name} the free ones`);
      const drainCopy = (template: string) => () => timedDrain(place, template, counts);
      const costs = await interleave(repetitions, { alone: drainCopy('alone'), beside: drainCopy(name) });
      measurements.push({
        case: `stuck ones ${name} the free ones`,
        counts: { ...counts },
        figures: {
          timesAlone: ratio(costs.beside.ms, costs.alone.ms),
          cpuTimesAlone: ratio(costs.beside.cpuMs, costs.alone.cpuMs),
          perSecond: perSecond(counts.free, costs.beside),
          alonePerSecond: perSecond(counts.free, costs.alone),
        },
      });
    }
    await place.remove();
    return {
      measurements,
      targets: measurements.map((one) =>
        atMost(`${one.case}: times the cost of the free ones alone`, one.figures.timesAlone!.median, 1.2),
      ),
      notes: [
        'The first message of the ordering group waits for a retry an hour away; all others of the group wait behind it.',
      ],
    };
  },
};

async function fillFree(place: Place, tenantId: string, count: number): Promise<void> {
  await using fleet = openFleet(place, hasty);
  await fill(fleet, tenantId, { count });
}

async function fillStuck(place: Place, tenantId: string, turns: number, counts: Counts): Promise<void> {
  await using fleet = openFleet(place, hasty, [retrying(hourMs)]);
  await fill(fleet, tenantId, { count: 1, orderingKey: 'stuck' });
  assertCount('retries', (await fleet.dispatch({ tenantId })).counts.retried, 1);
  for (let turn = 0; turn < turns; turn++) {
    const line = counts.stuck / turns - (turn === 0 ? 1 : 0);
    await fill(fleet, tenantId, { count: line, orderingKey: 'stuck' });
    await fill(fleet, tenantId, { count: counts.free / turns });
  }
}

function timedDrain(place: Place, template: string, counts: Counts) {
  return withCopy(place, template, {}, async (fleet, id) => {
    const cost = await timed(async () => {
      const { done } = await drainTenant(fleet, id);
      assertCount('free messages drained', done, counts.free);
    });
    const { blocked, ready } = await fleet.outbox(id).statistics();
    const line = template === 'alone' ? 0 : counts.stuck;
    assertCount('messages left', ready, line);
    assertCount('messages blocked', blocked, Math.max(0, line - 1));
    return cost;
  });
}
