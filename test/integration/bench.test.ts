/** The benchmarks do the work they claim to measure. Their figures are not checked: no test asserts a time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { strategies } from '../../src/fleet/plan/strategies/index.ts';

const root = path.resolve(__dirname, '../..');
/**
 * The benchmarks are not supported on an older Node: `npm run bench` runs on the one that is installed with
 * the packages, and they are written with `await using`, which Node can read since 24.
 */
const canRun = Number.parseInt(process.versions.node, 10) >= 24;
const describeBench = canRun ? describe : describe.skip;
const testBench = canRun ? test : test.skip;

let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'multi-outbox-bench-test-'));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});
// A run removes all its files, whether it succeeds or fails.
afterEach(async () => expect(await readdir(folder)).toEqual([]));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(...words: string[]): Promise<Ended> {
  return benchWith({}, ...words);
}

function benchWith(variables: Readonly<Record<string, string>>, ...words: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['bench/main.ts', ...words], {
      cwd: root,
      // Settings in the environment must not affect the benchmarks.
      env: { ...process.env, TMPDIR: folder, MULTI_OUTBOX_BATCH_SIZE: '1', NO_COLOR: '1', ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

interface Measured {
  case: string;
  counts: Record<string, number>;
  figures: Record<string, { median: number; min: number; max: number }>;
}

interface BenchDocument {
  engine: string;
  quick: boolean;
  repetitions: number;
  benchmarks: {
    name: string;
    measurements: Measured[];
    targets: { what: string; measured: number; atLeast?: number; atMost?: number; met: boolean }[];
    notes: string[];
  }[];
}

describeBench('a quick run of all benchmarks', () => {
  let document: BenchDocument;
  const countsOf = (name: string) =>
    document.benchmarks
      .find((benchmark) => benchmark.name === name)!
      .measurements.map(({ counts }) => counts);

  beforeAll(async () => {
    const { code, stdout, stderr } = await bench('--json', '--quick');
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    document = JSON.parse(stdout);
  }, 300_000);

  test('is one JSON document with every benchmark, its measurements, targets and notes', () => {
    expect(document).toMatchObject({ engine: 'sqlite', quick: true, repetitions: 1 });
    const names = document.benchmarks.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'drain',
        'keyed',
        'sweep',
        'stuck',
        'memory',
        'plan',
        'enqueue',
        'transactions',
        'purge',
        'latency',
        'idle',
        'flood',
        'fan-out',
        'cold-start',
        'telemetry',
        'reports',
        'scale',
        'console',
      ]),
    );
    // It installs packages, so it runs only if it is named.
    expect(names).not.toContain('peers');
    for (const { measurements, targets, notes } of document.benchmarks) {
      expect(measurements.length).toBeGreaterThan(0);
      for (const { case: name, counts, figures } of measurements) {
        expect(name).toEqual(expect.any(String));
        for (const count of Object.values(counts)) expect(Number.isInteger(count)).toBe(true);
        for (const { median, min, max } of Object.values(figures)) {
          for (const value of [median, min, max]) expect(Number.isFinite(value)).toBe(true);
          expect(median).toBeGreaterThanOrEqual(min);
          expect(median).toBeLessThanOrEqual(max);
        }
      }
      for (const {
        measured,
        atLeast = Number.NEGATIVE_INFINITY,
        atMost = Number.POSITIVE_INFINITY,
        met,
      } of targets) {
        expect(met).toBe(measured >= atLeast && measured <= atMost);
      }
      for (const note of notes) expect(note).toEqual(expect.any(String));
    }
  });

  test('Q9: draining costs one call a batch plus one', () => {
    expect(countsOf('drain')).toEqual([
      { messages: 20, calls: 21 },
      { messages: 200, calls: 21 },
      { messages: 1_000, calls: 11 },
      { messages: 1_000, calls: 3 },
    ]);
  });

  test('Q10: messages of many keys are all drained', () => {
    expect(countsOf('keyed')).toEqual(Array(3).fill({ messages: 2_000 }));
  });

  test('Q9, F8: an idle tenant costs one call, one with one batch two; 200 of one server need no login', () => {
    expect(countsOf('sweep')).toEqual([
      { tenants: 10, calls: 1 },
      { tenants: 10, calls: 1 },
      { tenants: 10, calls: 2 },
      { tenants: 10, calls: 1 },
      { tenants: 10, calls: 2 },
      { tenants: 200, calls: 1, logins: 0 },
    ]);
  });

  test('Q10: the free messages are drained, the blocked ones stay', () => {
    expect(countsOf('stuck')).toEqual(Array(2).fill({ free: 200, stuck: 1_000 }));
  });

  test('F4: a tenant is flooded under each strategy', () => {
    expect(countsOf('flood')).toEqual(Object.keys(strategies).map(() => ({ tenants: 4, flood: 10_000 })));
  });

  test('memory is sampled all along the drain', () => {
    for (const { messages, samples } of countsOf('memory') as { messages: number; samples: number }[]) {
      expect(messages).toBe(2_000);
      expect(samples).toBeGreaterThanOrEqual(8);
    }
  });

  test('F3: every due tenant is planned, for any number registered', () => {
    expect(countsOf('plan')).toEqual([
      { registered: 100, due: 1 },
      { registered: 300, due: 3 },
      { registered: 100, due: 100 },
      { registered: 300, due: 100 },
    ]);
  });

  test('D7: the telemetry of idle runs and of an idle minute is measured', () => {
    expect(countsOf('telemetry')).toEqual([{ runs: 5 }, { plans: 12, runs: 3 }]);
  });

  test('S2, S4: reports are measured with counts and history, and without', () => {
    expect(countsOf('reports')).toEqual(Array(3).fill({ tenants: 10, reports: 20 }));
  });

  test('F3: what limits a large fleet is computed from measured costs', () => {
    expect(countsOf('scale')).toMatchObject([
      { looksASecond: 333, runsASecond: 611 },
      { looksASecond: 333, runsASecond: 361 },
      { looksASecond: 28, runsASecond: 306 },
      { looksASecond: 1, runsASecond: 279 },
    ]);
  });

  test('S4: pages of the console are measured', () => {
    expect(countsOf('console')).toEqual([
      { registered: 150, page: 100 },
      { registered: 300, page: 100 },
    ]);
  });

  test('F3: a plan of many tenants fans out in pages', () => {
    expect(countsOf('fan-out')).toEqual([{ tenants: 500, pages: 3 }]);
  });
});

/** The peers themselves do not run in this suite: `npm run bench -- --quick peers` needs the registry of npm, and PostgreSQL. */
testBench(
  'peers that cannot be installed are left out with the reason, and multi-outbox is measured',
  async () => {
    const cache = await mkdtemp(path.join(tmpdir(), 'multi-outbox-npm-cache-'));
    const nothing = {
      npm_config_registry: 'http://127.0.0.1:1/',
      npm_config_fetch_retries: '0',
      npm_config_cache: cache,
    };
    const { code, stdout, stderr } = await benchWith(nothing, '--json', '--quick', 'peers');
    await rm(cache, { recursive: true, force: true });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const [{ measurements, notes }] = (JSON.parse(stdout) as BenchDocument).benchmarks as [
      BenchDocument['benchmarks'][number],
    ];
    expect(notes[0]).toMatch(/left out, because npm could not install them: .*ECONNREFUSED/s);
    expect(measurements.map((one) => one.case)).toEqual(
      expect.arrayContaining([
        'one message at a time: to the handler, p50, ms',
        '1 database: idle, calls a second',
        'drain, batch 500: messages a second',
        '3 databases: a message in each handled after, ms',
      ]),
    );
    for (const { figures } of measurements) expect(Object.keys(figures)).toEqual(['multi-outbox']);
  },
  300_000,
);

testBench(
  'benchmarks are chosen by name and shown as tables, without a verdict on a quick run',
  async () => {
    const { code, stdout } = await bench('--quick', 'plan');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^plan: /m);
    expect(stdout).toMatch(/^100 due of 300 +300 +100 /m);
    expect(stdout).not.toMatch(/^(drain|enqueue): |target/m);
  },
  60_000,
);

testBench(
  'the benchmark works beside the file that the registry URL names, and does not touch it',
  async () => {
    const { code, stdout } = await bench(
      '--quick',
      '--json',
      'plan',
      '--registry',
      `sqlite:${folder}/registry.db`,
    );
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as BenchDocument).benchmarks.map(({ name }) => name)).toEqual(['plan']);
  },
  60_000,
);

testBench.each([
  [['nothing'], /nothing.*drain/],
  [['--registry', 'oracle:here'], /sqlite:<file>/],
  [['--repetitions', '0'], /whole number/],
])('wrong usage %j ends with 2 and says what is right', async (words, message) => {
  const { code, stdout, stderr } = await bench(...words);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(message);
});
