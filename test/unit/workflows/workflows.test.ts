/** The rules for the workflows: pinned actions, few rights, and the Node that the matrix names. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import packageJson from '../../../package.json' with { type: 'json' };

const folder = path.join(__dirname, '../../../.github/workflows');
const files = globSync('*.yml', { cwd: folder });
const text = (file: string) => readFileSync(path.join(folder, file), 'utf8');

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly steps: readonly Step[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: {
    readonly matrix: { readonly os: string[]; readonly node: string[]; readonly include: object[] };
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

test('workflows may read the repository, and the publishing job may identify itself to npm', () => {
  for (const file of files) expect([file, workflow(file).permissions]).toEqual([file, { contents: 'read' }]);
  const wider = jobs.flatMap(({ name, job }) => (job.permissions ? [[name, job.permissions]] : []));
  expect(wider).toEqual([['release.yml publish', { contents: 'read', 'id-token': 'write' }]]);
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
  expect([...os, ...include.map((leg) => (leg as { os: string }).os)]).toEqual(
    expect.arrayContaining(['ubuntu-latest', 'windows-latest', 'macos-latest']),
  );
  expect(steps.map((step) => step.run ?? step.with?.['node-version'])).toEqual([
    undefined,
    `\${{ matrix.node }}`,
    'npm ci',
    `node test/floor/main.ts --here \${{ matrix.node }}`,
  ]);
});
