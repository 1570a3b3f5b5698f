import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../../..');
const source = path.join(root, 'src');

interface Import {
  /** Paths relative to the repository, with forward slashes. */
  readonly from: string;
  readonly to: string;
}

function typescriptFiles(folder: string): string[] {
  return (
    readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
      .map((entry) => path.join(entry.parentPath, entry.name))
      // Whoever tries the example has its packages there.
      .filter((file) => !file.includes(`${path.sep}node_modules${path.sep}`))
  );
}

const relative = (file: string) => path.relative(root, file).split(path.sep).join('/');

/** Static and dynamic imports of files; packages are left out. Comments are not read. */
function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');
  const specifiers = text.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^import\s+)'(\.[^']*)'/gm);
  return [...specifiers].map(([, specifier]) => ({
    from: relative(file),
    to: relative(path.resolve(path.dirname(file), specifier!)),
  }));
}

const imports = typescriptFiles(source).flatMap(importsOf);

const seam = 'engine/[^/]+\\.ts';
const base = `${seam}|errors\\.ts|(guarded-signal|unless-aborted|either-signal)\\.ts|optional-package\\.ts|(settings|options|plain-object|safe-parse|duration-text|timer-delay|alarm|event-loop-yielder|compiled-code)\\.ts|(host-resolver|known-host)\\.ts`;

/** The files that each part may import, as patterns of paths in src. The first part that matches a file counts. */
const allowed: readonly (readonly [part: string, may: string])[] = [
  // An engine imports only the interfaces, and no layer above them.
  [
    'engine/sqlite/',
    `engine/sqlite/|${seam}|(errors|unless-aborted|either-signal|timer-delay|compiled-code)\\.ts`,
  ],
  [
    'engine/sqlserver/',
    `engine/sqlserver/|${seam}|(errors|optional-package|unless-aborted|host-resolver)\\.ts`,
  ],
  ['host-resolver\\.ts', 'hosts-file\\.ts'],
  ['hosts-file\\.ts', ''],
  [seam, `${seam}|errors\\.ts`],
  ['options\\.ts', '(errors|plain-object)\\.ts'],
  ['(plain-object|duration-text|timer-delay|event-loop-yielder|compiled-code)\\.ts', ''],
  ['alarm\\.ts', 'timer-delay\\.ts'],
  ['settings/in-force\\.ts', 'settings\\.ts'],
  [
    'errors\\.ts|(guarded-signal|unless-aborted|either-signal)\\.ts|optional-package\\.ts|settings\\.ts|settings/',
    '(errors|options|plain-object|safe-parse)\\.ts|settings/',
  ],
  ['supported-node\\.ts', ''],
  ['require-supported-node\\.ts', 'supported-node\\.ts|errors\\.ts'],
  ['telemetry/', `telemetry/|${base}`],
  ['lease/', `(lease|telemetry)/|${base}`],
  ['queue/', `(queue|lease|telemetry)/|${base}`],
  ['handlers/', `(handlers|queue|telemetry)/|${base}`],
  ['sources/', `(sources|inbox|handlers/webhook-signature\\.ts)|${base}`],
  ['(outbox|inbox)/', `(outbox|inbox|queue|lease|telemetry)/|${base}`],
  // One file of the fleet chooses the engine.
  ['fleet/engines\\.ts', `engine/(sqlite|sqlserver)/index\\.ts|fleet/mixed-engine\\.ts|${base}`],
  // The plan and the dispatch in fleet/ share only the request.
  ['fleet/(dispatch-request|in-parallel)\\.ts', 'engine/registry\\.ts'],
  ['fleet/tenants/', `(fleet/tenants|queue|lease|telemetry)/|${base}`],
  ['fleet/plan/', `(fleet/plan|queue|telemetry)/|fleet/dispatch-request\\.ts|${base}`],
  [
    'fleet/dispatch/',
    `(fleet/(dispatch|tenants)|queue|telemetry)/|fleet/dispatch-request\\.ts|fleet/plan/schedule-policy\\.ts|${base}`,
  ],
  [
    'fleet/operations/',
    `(fleet/(operations|tenants)|queue|lease|telemetry)/|fleet/in-parallel\\.ts|fleet/dispatch-request\\.ts|fleet/dispatch/(queue-text|request-format|request-pages)\\.ts|${base}`,
  ],
  [
    'fleet/messages/',
    `(fleet/(messages|tenants|operations)|queue|lease|telemetry)/|fleet/in-parallel\\.ts|${base}`,
  ],
  [
    'fleet/stored-operations/',
    `(fleet/(stored-operations|messages|tenants)|telemetry)/|fleet/in-parallel\\.ts|${base}`,
  ],
  ['fleet/', `(fleet|queue|lease|telemetry)/|${base}`],
  [
    '(local/|health/|multi-outbox(-interface|-arguments)?\\.ts|index\\.ts)',
    `(local|health|fleet|outbox|inbox|queue|lease|telemetry)/|multi-outbox|require-supported-node\\.ts|${base}`,
  ],
  // Tests of a user's own run on the embedded engine, with a clock that can be set.
  [
    'testing/',
    `testing/|engine/sqlite/index\\.ts|(fleet|queue|telemetry|outbox|inbox)/|multi-outbox\\.ts|${base}`,
  ],
  // The page runs in the browser: of the server it knows the types of the answers.
  [
    'console/page/',
    'console/|fleet/(operations/history\\.ts|messages/|stored-operations/)|settings/in-force\\.ts',
  ],
  [
    'console/',
    `(console|fleet|telemetry)/|settings/in-force\\.ts|multi-outbox-interface\\.ts|require-supported-node\\.ts|${base}`,
  ],
  ['cli/', ''],
];

const begins = (file: string, pattern: string) => new RegExp(`^src/(${pattern})`).test(file);

function pointsOutward({ from, to }: Import): boolean {
  if (to === 'package.json') return false;
  // The command line runs the demo.
  if (begins(from, 'cli/demo/') && to.startsWith('examples/demo/')) return false;
  const rule = allowed.find(([part]) => begins(from, part));
  return rule === undefined || !begins(to, rule[1]);
}

test('section 2: imports point inward', () => {
  expect(imports.filter(pointsOutward)).toEqual([]);
});

test('section 2: an import that points outward would be found', () => {
  expect(imports.length).toBeGreaterThan(100);
  const from = (file: string, to: string) => pointsOutward({ from: `src/${file}`, to: `src/${to}` });
  expect(from('queue/run.ts', 'fleet/dispatch-request.ts')).toBe(true);
  expect(from('engine/sqlite/file.ts', 'queue/run.ts')).toBe(true);
  expect(from('engine/sqlite/file.ts', 'engine/sqlserver/file.ts')).toBe(true);
  expect(from('engine/work-queue.ts', 'engine/sqlite/file.ts')).toBe(true);
  expect(from('fleet/index.ts', 'engine/sqlite/index.ts')).toBe(true);
  expect(from('local/host.ts', 'cli/main.ts')).toBe(true);
  expect(from('fleet/plan/planner.ts', 'fleet/dispatch/dispatcher.ts')).toBe(true);
  expect(from('fleet/tenants/directory.ts', 'fleet/plan/planner.ts')).toBe(true);
  // The schedule model imports the product, and never the reverse.
  expect(from('fleet/plan/planner.ts', '../bench/schedule-model/simulate.ts')).toBe(true);
  expect(from('a-new-part/file.ts', 'errors.ts')).toBe(true);
  expect(from('queue/run.ts', 'lease/heartbeat.ts')).toBe(false);
});

/** The first circle of imports found, as a list of its files; type-only imports count. */
function circleIn(all: readonly Import[]): string[] | undefined {
  const targets = Map.groupBy(all, ({ from }) => from);
  const done = new Set<string>();
  function circleFrom(file: string, path: readonly string[]): string[] | undefined {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const { to } of targets.get(file) ?? []) {
      const circle = circleFrom(to, [...path, file]);
      if (circle) return circle;
    }
    done.add(file);
    return undefined;
  }
  for (const file of targets.keys()) {
    const circle = circleFrom(file, []);
    if (circle) return circle;
  }
  return undefined;
}

test('section 2: imports contain no cycle, types included', () => {
  expect(circleIn(imports)).toBeUndefined();
});

test('section 2: a circle of imports would be found', () => {
  const arrow = (from: string, to: string) => ({ from, to });
  expect(circleIn([arrow('a', 'b'), arrow('b', 'c'), arrow('a', 'c')])).toBeUndefined();
  expect(circleIn([arrow('a', 'b'), arrow('b', 'c'), arrow('c', 'b')])).toEqual(['b', 'c', 'b']);
});

test('section 7: examples import the package by its name, as an application does', () => {
  const files = typescriptFiles(path.join(root, 'examples'));
  const specifiers = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\bfrom '([^']+)'|\bimport\('([^']+)'\)/g)].map(
      ([, from, lazy]) => from ?? lazy!,
    ),
  );
  expect(specifiers).toEqual(expect.arrayContaining(['multi-outbox', 'multi-outbox/handlers']));
  const own =
    /^(\.\/(generated\/)?[a-z.-]+\.ts|\.\.\/src\/[a-z.-]+\.ts|multi-outbox(\/[a-z]+)?|node:[a-z/_]+)$/;
  const packages = [
    ...[
      '@azure/functions',
      '@nestjs/common',
      '@nestjs/core',
      '@prisma/adapter-libsql',
      'express',
      'mssql',
      'valibot',
    ],
  ];
  expect(specifiers.filter((one) => !own.test(one) && !packages.includes(one))).toEqual([]);
});

test('section 2: the page of the console has only types of the program in it', () => {
  const page = path.join(source, 'console/page');
  const outside = typescriptFiles(page).flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^import (type )?[^;]*? from '(\.[^']*)';$/gm)]
      .filter(([, , to]) => path.relative(page, path.resolve(path.dirname(file), to!)).startsWith('..'))
      .map(([, isType, to]) => ({ file: relative(file), to, isType: isType !== undefined })),
  );
  expect(outside.length).toBeGreaterThan(5);
  expect(outside.filter(({ isType }) => !isType)).toEqual([]);
});

test('section 2: T-SQL is only in sql/, SQL of the embedded engine only in src/engine/sqlite/', () => {
  const statement = /`\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE)\s/;
  const holders = typescriptFiles(source)
    .filter((file) => statement.test(readFileSync(file, 'utf8')))
    .map(relative);
  expect(holders.length).toBeGreaterThan(0);
  // The code that applies the migrations cannot be a migration.
  const bootstrap = ['src/engine/sqlserver/schema-control.ts', 'src/engine/sqlserver/journal.ts'];
  // The code that checks a schema must work with a broken one, so it cannot be in the schema.
  const inspection = 'src/engine/sqlserver/inspection/';
  // The demo makes and drops databases, which no schema does.
  const demo = 'src/cli/demo/server-databases.ts';
  const misplaced = holders.filter(
    (file) =>
      !file.startsWith('src/engine/sqlite/') &&
      ![...bootstrap, demo].includes(file) &&
      !file.startsWith(inspection),
  );
  expect(misplaced).toEqual([]);
});

test('section 2: no folder or file is called util, common or helpers', () => {
  const named = typescriptFiles(source)
    .map(relative)
    .filter((file) => /(^|\/)(utils?|common|helpers?)(\/|\.ts$)/.test(file));
  expect(named).toEqual([]);
});
