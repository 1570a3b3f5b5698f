/** The rules for the workflows: pinned actions, few rights, and the Node that the matrix names. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import packageJson from '../../../package.json' with { type: 'json' };
import { databaseOptions } from '../../support/sqlserver-options.ts';

const folder = path.join(__dirname, '../../../.github/workflows');
const files = globSync('*.yml', { cwd: folder });
const text = (file: string) => readFileSync(path.join(folder, file), 'utf8');

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly env?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: {
    readonly matrix: {
      readonly os: string[];
      readonly node: string[];
      readonly include: readonly Readonly<Record<string, string>>[];
    };
  };
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const workflow = (file: string) => parse(text(file)) as Workflow;
const jobs = files.flatMap((file) =>
  Object.entries(workflow(file).jobs).map(([name, job]) => ({ name: `${file} ${name}`, job })),
);

test('every action is pinned by a commit, with its version behind it', () => {
  const used = files.flatMap((file) => text(file).match(/^.*\buses: .*$/gm) ?? []);
  expect(used.length).toBeGreaterThan(jobs.length);
  expect(used.filter((line) => !/uses: [\w-]+\/[\w/-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual(
    [],
  );
  // All workflows use one version of each action, so that one update changes all.
  const versions = new Set(used.map((line) => line.replace(/^.*uses: /, '')));
  expect(versions.size).toBe(new Set([...versions].map((version) => version.split('@')[0])).size);
});

test('workflows may read the repository; two jobs may identify themselves, to npm and to Azure', () => {
  for (const file of files) expect([file, workflow(file).permissions]).toEqual([file, { contents: 'read' }]);
  const wider = jobs.flatMap(({ name, job }) => (job.permissions ? [[name, job.permissions]] : []));
  const identified = { contents: 'read', 'id-token': 'write' };
  expect(new Map(wider as [string, object][])).toEqual(
    new Map([
      ['infra.yml what-if', identified],
      ['release.yml publish', identified],
    ]),
  );
  const kept = jobs.flatMap(({ job }) =>
    job.steps.filter(
      ({ uses, with: given }) => uses?.includes('/checkout@') && given?.['persist-credentials'] !== false,
    ),
  );
  expect(kept).toEqual([]);
});

test('the matrix begins where `engines` begins, and its Node runs the suite outside of npm scripts, which have their own', () => {
  const { strategy, steps } = workflow('ci.yml').jobs.node!;
  const { os, node, include } = strategy!.matrix;
  expect(node).toEqual(expect.arrayContaining(packageJson.engines.node.match(/\d+\.\d+\.\d+/g)!));
  expect(node).toEqual(expect.arrayContaining(['22', '24']));
  expect([...os, ...include.map((leg) => leg.os)]).toEqual(
    expect.arrayContaining(['ubuntu-latest', 'windows-latest', 'macos-latest']),
  );
  expect(steps.map((step) => step.run ?? step.with?.['node-version'])).toEqual([
    undefined,
    `\${{ matrix.node }}`,
    'npm ci',
    `node test/floor/main.ts --here \${{ matrix.node }}`,
  ]);
});

test('the SQL Server matrix has every supported version, level and kind of collation, and both settings of RCSI', () => {
  const { env, strategy, steps } = workflow('ci.yml').jobs.sqlserver!;
  const legs = strategy!.matrix.include;
  const values = (key: string) => [...new Set(legs.map((leg) => leg[key]!))].sort();
  expect(values('server')).toEqual(['2019', '2022', '2025']);
  expect(values('level')).toEqual(['150', '160', '170']);
  expect(values('rcsi')).toEqual(['off', 'on']);
  for (const kind of [/^Turkish_/, /_CS_/, /_UTF8$/]) {
    expect(legs.filter(({ collation }) => kind.test(collation!))).toHaveLength(1);
  }
  // No server has a level that is newer than itself.
  const newest: Readonly<Record<string, number>> = { 2019: 150, 2022: 160, 2025: 170 };
  expect(legs.filter(({ server, level }) => Number(level) > newest[server!]!)).toEqual([]);
  for (const leg of legs) {
    const set = Object.entries(env!).map(([name, value]) => [name, leg[/matrix\.(\w+)/.exec(value)![1]!]!]);
    expect(databaseOptions(Object.fromEntries(set))).toEqual({
      collation: leg.collation,
      readCommittedSnapshot: leg.rcsi === 'on',
      compatibilityLevel: Number(leg.level),
    });
  }
  const suites = steps.flatMap(({ run }) => (run?.startsWith('npm test') ? [run] : []));
  expect(suites.map((run) => /\b(sqlserver|blocking)\b/.exec(run)![1])).toEqual(['sqlserver', 'blocking']);
});

test('no workflow contains a password', () => {
  for (const file of files)
    expect([file, text(file)]).toEqual([file, expect.not.stringMatching(/password/i)]);
});
