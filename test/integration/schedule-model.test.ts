/** The schedule model: it runs the product's own planner, so the product's promises must hold. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Findings } from '../../bench/schedule-model/measures.ts';
import { presets } from '../../bench/schedule-model/presets.ts';
import { type ScenarioInput, scenarioOf } from '../../bench/schedule-model/scenario.ts';
import { simulate } from '../../bench/schedule-model/simulate.ts';
import { floodChart, floodChartFile, floodFindings } from '../../docs/generate/flood-chart.ts';

const root = path.resolve(__dirname, '../..');

const small: ScenarioInput = {
  title: 'some of everything',
  duration: '10m',
  places: 3,
  classes: [
    { name: 'steady', tenants: 5, arrivals: [{ kind: 'steady', every: '5s' }] },
    { name: 'failing', tenants: 3, failing: 0.3, arrivals: [{ kind: 'bursts', every: '2m', messages: 50 }] },
    { name: 'unreachable', tenants: 1, unreachable: 1, arrivals: [{ kind: 'steady', every: '1m' }] },
    { name: 'flooded', tenants: 1, arrivals: [{ kind: 'flood', at: '1m', messages: 5_000 }] },
  ],
};

/** An idle fleet, except for the given fields. */
function idle(fields: Partial<ScenarioInput['classes'][number]>, hours = 24): ScenarioInput {
  return {
    title: 'idle',
    duration: hours * 3_600_000,
    host: 'functions',
    places: 32,
    settings: { plan: { intervalMs: '1m' } },
    classes: [{ name: 'idle', tenants: 20, ...fields }],
  };
}

const run = (input: ScenarioInput, seed = 1): Promise<Findings> => simulate(scenarioOf(input), { seed });

test.each(['local', 'functions'] as const)(
  'the same seed gives the same run, another one another: %s',
  async (host) => {
    const first = await run({ ...small, host });
    expect(await run({ ...small, host })).toEqual(first);
    expect(await run({ ...small, host }, 2)).not.toEqual(first);
  },
);

test.each(['local', 'functions'] as const)('no message is lost or made up: %s', async (host) => {
  const { classes } = await run({ ...small, host });
  for (const { name, enqueued, done, dead, waiting } of classes) {
    expect(enqueued).toBeGreaterThan(0);
    // A batch in flight at the end is neither waiting nor done.
    const inFlight = enqueued - done - dead - waiting;
    expect([name, inFlight >= 0 && inFlight <= 200]).toEqual([name, true]);
  }
  const byName = Object.fromEntries(classes.map((each) => [each.name, each]));
  expect(byName.flooded).toMatchObject({ done: 5_000, waiting: 0 });
  expect(byName.unreachable).toMatchObject({ done: 0, latencyMs: null });
});

test('F5, F6: an idle tenant is touched as its ceiling says, not at every plan', async () => {
  const { classes, fixedPolling } = await run(idle({ tenant: { overrides: { idleCeilingMs: '1h' } } }));
  // The interval reaches the ceiling in eleven doublings of two seconds; then runs are an hour apart.
  const doublings = Math.ceil(Math.log2(3_600 / 2)) + 1;
  expect(classes[0]!.touches).toBeGreaterThanOrEqual(20 * 22);
  expect(classes[0]!.touches).toBeLessThanOrEqual(20 * (24 + doublings));
  expect(fixedPolling.touches).toBe(20 * 24 * 720);
});

test("F6: a ceiling of 'never' lets a database sleep: only messages wake it", async () => {
  const never = { tenant: { overrides: { idleCeilingMs: 'never' as const } }, autoPause: '1h' };
  const asleep = await run(idle(never));
  // A registered tenant's database is touched once, and twice if it is resuming.
  expect(asleep.classes[0]).toMatchObject({ touches: 40 });
  expect(asleep.classes[0]!.awakeHours! / 20).toBeLessThan(1.1);
  const ceiling = await run(idle({ autoPause: '1h' }));
  expect(ceiling.classes[0]!.awakeHours! / 20).toBeCloseTo(24, 0);
});

test('F7: a message for a tenant that is never looked at wakes it', async () => {
  const never = { tenant: { overrides: { idleCeilingMs: 'never' as const } } };
  const { classes } = await run(idle({ ...never, arrivals: [{ kind: 'flood', at: '5h', messages: 1 }] }));
  // Each database is touched at its registration, and twice after the wake: once for the message and once to find no
  // other.
  expect(classes[0]).toMatchObject({ done: 20, waiting: 0, touches: 40 });
  expect(classes[0]!.latencyMs!.max).toBeLessThanOrEqual(61_000);
});

test('prices make a cost', async () => {
  const { cost, invocations, runSeconds } = await run({
    ...small,
    prices: { millionExecutions: 1e6, gigabyteSecond: 2, gigabytesPerRun: 0.5 },
  });
  expect(cost.executions).toBeCloseTo(invocations, 6);
  expect(cost.runTime).toBeCloseTo(runSeconds, 6);
  expect(cost).toMatchObject({ databases: 0, sum: cost.executions + cost.runTime });
});

test('every built-in scenario runs', async () => {
  for (const preset of Object.values(presets)) {
    const scenario = scenarioOf(preset);
    const classes = scenario.classes.map((each) => ({ ...each, tenants: Math.min(each.tenants, 5) }));
    expect((await simulate({ ...scenario, duration: 60_000, classes })).touches).toBeGreaterThan(0);
  }
});

test('docs/strategies.md: the chart is what the schedule model gives (npm run docs -- --charts draws it)', async () => {
  expect(floodChart(await floodFindings())).toBe(readFileSync(path.join(root, floodChartFile), 'utf8'));
}, 120_000);

describe('npm run schedule-model', () => {
  const scheduleModel = (...words: string[]) =>
    spawnSync(process.execPath, ['bench/schedule-model/main.ts', ...words], { cwd: root, encoding: 'utf8' });

  test('prints a table, or one JSON document', () => {
    const short = ['idle', '--scale', '0.001', '--duration', '1h', '--seed', '7'];
    const { status, stdout } = scheduleModel(...short);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^class +tenants +messages /m);
    expect(stdout).toMatch(/^database touches +\d+; polling every 5s would make 7,200 /m);
    const { classes } = JSON.parse(scheduleModel(...short, '--json').stdout) as Findings;
    expect(classes.map(({ tenants }) => tenants)).toEqual([5, 5]);
  });

  test('takes the scenario that docs/strategies.md shows', () => {
    const shown = /```json\n([\s\S]*?)```/.exec(
      readFileSync(path.join(root, 'docs/strategies.md'), 'utf8'),
    )![1]!;
    expect(scenarioOf(JSON.parse(shown))).toMatchObject({ duration: 3_600_000, places: 64 });
  });

  test.each([
    [['nothing'], /nothing/],
    [['--strategy', 'best'], /round-robin/],
    [['--duration', 'long'], /duration/],
    [['--places', 'many'], /number/],
  ])('wrong usage %j ends with 2 and says why', (words, message) => {
    const { status, stdout, stderr } = scheduleModel(...words);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
  });
});
