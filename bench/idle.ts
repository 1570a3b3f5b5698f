/**
 * Measures what an idle host costs: its calls to the registry and to tenants' databases, and how often it wakes the
 * processor (F6, F7). It must be no more than its plans need, although it serves wakes at once.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { atMost, type Benchmark } from './benchmark.ts';
import { countCalls } from './counting.ts';
import { makeTenants, openFleet, tenantNames } from './fleet.ts';
import type { Place } from './place.ts';
import { spread } from './spread.ts';

const tenants = 10;

export const idle: Benchmark = {
  name: 'idle',
  title: 'calls and wake-ups of a host that has nothing to do',
  async run({ places, quick, repetitions, progress }) {
    const seconds = quick ? 1 : 15;
    const place = await places.open('idle');
    await makeTenants(place, tenantNames(tenants));
    const minutes: Minute[] = [];
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      progress(`repetition ${repetition}`);
      const minute = await idleMinute(place, seconds);
      // Repetition 0 warms up.
      if (repetition > 0) minutes.push(minute);
    }
    await place.remove();
    const of = (figure: keyof Minute) => spread(minutes.map((minute) => minute[figure]));
    return {
      measurements: [
        {
          case: 'a minute of a host with nothing to do',
          counts: { tenants, seconds },
          figures: {
            plans: of('plans'),
            registryCalls: of('registryCalls'),
            tenantCalls: of('tenantCalls'),
            wakeUps: of('wakeUps'),
            cpuMs: of('cpuMs'),
          },
        },
      ],
      targets: [
        atMost(
          'calls to the registry besides plans, a minute',
          of('registryCalls').median - of('plans').median,
          8,
        ),
        atMost("calls to tenants' databases, a minute", of('tenantCalls').median, 0),
      ],
      notes: [
        'Each repetition is scaled to a minute. The tenants are looked at once before, and then sleep (ceiling never).',
        'Wake-ups are the voluntary context switches of the process, with those of its helper threads.',
      ],
    };
  },
};

interface Minute {
  readonly plans: number;
  readonly registryCalls: number;
  readonly tenantCalls: number;
  readonly wakeUps: number;
  readonly cpuMs: number;
}

async function idleMinute(place: Place, seconds: number): Promise<Minute> {
  let minute: Minute | undefined;
  await countCalls(place.registry, async (calls) => {
    await using fleet = openFleet(place, { schedule: { idleCeilingMs: 'never' } });
    const stop = new AbortController();
    let plans = 0;
    const running = fleet.run({ signal: stop.signal, onPlan: () => plans++ });
    // The first plan may look at the tenants.
    while (plans < 3) await pause(100);
    const toTenants = () => [...calls.byTenant.values()].reduce((all, one) => all + one, 0);
    const before = { plans, toRegistry: calls.toRegistry, toTenants: toTenants() };
    const cpu = process.cpuUsage();
    const { voluntaryContextSwitches } = process.resourceUsage();
    await pause(seconds * 1_000);
    const used = process.cpuUsage(cpu);
    const aMinute = (count: number) => (count * 60) / seconds;
    minute = {
      plans: aMinute(plans - before.plans),
      registryCalls: aMinute(calls.toRegistry - before.toRegistry),
      tenantCalls: aMinute(toTenants() - before.toTenants),
      wakeUps: aMinute(process.resourceUsage().voluntaryContextSwitches - voluntaryContextSwitches),
      cpuMs: aMinute((used.user + used.system) / 1_000),
    };
    stop.abort();
    await running;
  });
  return minute!;
}
