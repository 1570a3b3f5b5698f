/** The files of a new project. Those that exist in the package, below examples/, are copied; the others are made here. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import packageJson from '../../../package.json' with { type: 'json' };
import { bundledFile } from '../files.ts';

export const databases = ['sqlite', 'sqlserver'] as const;
export const hosts = ['local', 'azure'] as const;

export interface ProjectKind {
  readonly database: (typeof databases)[number];
  readonly host: (typeof hosts)[number];
}

/** Text by path, relative to the project's folder, with forward slashes. */
export type ProjectFiles = ReadonlyMap<string, string>;

/** @param name the project's name, as npm accepts it */
export function projectFiles(name: string, kind: ProjectKind): ProjectFiles {
  const copied = kind.host === 'azure' ? azureFiles() : starterFiles(kind.database);
  const manifest = kind.host === 'azure' ? azureManifest() : starterManifest(kind.database);
  const { name: _, scripts, devDependencies, ...rest } = manifest;
  const { typescript, '@biomejs/biome': biome, '@types/node': node } = packageJson.devDependencies;
  return new Map([
    [
      'package.json',
      json({
        name,
        ...rest,
        scripts: { ...scripts, lint: 'biome lint --error-on-warnings && tsc' },
        devDependencies: sorted({
          ...devDependencies,
          '@biomejs/biome': biome,
          '@types/node': node,
          typescript,
        }),
      }),
    ],
    ['tsconfig.json', exampleFile('azure/tsconfig.json')],
    [
      'biome.json',
      json({
        files: { includes: ['**', '!dist'] },
        linter: { rules: { preset: 'recommended', style: { noNonNullAssertion: 'off' } } },
      }),
    ],
    ['.gitignore', 'node_modules/\n.data/\n.env\n.azure/\ndist/\n'],
    ...copied,
  ]);
}

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

function starterManifest(database: ProjectKind['database']): Manifest {
  const driver = { mssql: packageJson.peerDependencies.mssql };
  return {
    version: '1.0.0',
    private: true,
    type: 'module',
    engines: packageJson.engines,
    scripts: {
      start: 'multi-outbox run --handlers src/handlers.ts',
      tenant: 'multi-outbox tenants add',
      enqueue: 'node src/enqueue.ts',
      status: 'multi-outbox status',
      test: 'node --test "test/*.test.ts"',
    },
    dependencies: {
      ...(database === 'sqlserver' && driver),
      'multi-outbox': `^${packageJson.version}`,
      valibot: packageJson.dependencies.valibot,
    },
    devDependencies:
      database === 'sqlserver' ? { '@types/mssql': packageJson.devDependencies['@types/mssql'] } : {},
  };
}

function starterFiles(database: ProjectKind['database']): [string, string][] {
  return [
    ...['src/handlers.ts', 'test/handlers.test.ts'].map(
      (file) => [file, exampleFile(`starter/${file}`)] as [string, string],
    ),
    ['src/enqueue.ts', exampleFile(`starter/${database}/enqueue.ts`)],
    ['README.md', exampleFile(`starter/${database}/README.md`)],
  ];
}

const azureReadme = `# A function app that dispatches outboxes

\`\`\`sh
npm install
npm test
npm run lint          # Biome and the types
npm run build         # dist/: the function app
\`\`\`

Until the package is published, run \`npm ci && npm pack\` in a clone of multi-outbox, and \`npm install PATH/multi-outbox-0.1.0.tgz\` here
in place of \`npm install\`.

node_modules/multi-outbox/examples/azure/README.md explains each file, and how \`azd up\` deploys it. Your handlers are in src/.
`;

/** What examples/azure has, but for the files that are made here. */
function azureFiles(): [string, string][] {
  const folder = examplesFolder('azure');
  const made = ['package.json', 'tsconfig.json', 'README.md'];
  const isBuilt = (file: string) => /^(node_modules|dist)\//.test(file);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .filter((file) => !made.includes(file) && !isBuilt(file));
  return [
    ...files.map((file) => [file, exampleFile(`azure/${file}`)] as [string, string]),
    ['README.md', azureReadme],
  ];
}

function azureManifest(): Manifest {
  return JSON.parse(exampleFile('azure/package.json'));
}

/** The package has the bundle in dist/, beside examples/. */
function examplesFolder(name: string): string {
  return bundledFile(`../examples/${name}`);
}

function exampleFile(name: string): string {
  return readFileSync(examplesFolder(name), 'utf8');
}

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
const sorted = (record: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
