/** Projects, empty ones or the examples, into which the packed package is installed, as a user would, from the registry. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from './documents.ts';
import { npmShell, packedPackage } from './packed-package.ts';

export interface Ended {
  readonly code: number | null;
  /** Standard output and standard error, in the order in which they came. */
  readonly output: string;
}

type Install = (place: { kept: string; registry: string; tarball: string }) => {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Further fields of the project's package.json. */
  readonly manifest?: object;
  /** What starts Node in the project, before Node's own arguments; by default Node itself. */
  readonly node?: readonly string[];
};

const program = (file: string) => path.join(root, 'node_modules', file);

const yarn4 =
  (linker: 'node-modules' | 'pnp'): Install =>
  ({ registry, kept, tarball }) => {
    const yarn = program('@yarnpkg/cli-dist/bin/yarn.js');
    return {
      command: process.execPath,
      args: [yarn, 'add', `multi-outbox@file:${tarball}`],
      env: {
        YARN_NPM_REGISTRY_SERVER: registry.replace(/\/$/, ''),
        YARN_GLOBAL_FOLDER: kept,
        YARN_ENABLE_TELEMETRY: '0',
        YARN_NODE_LINKER: linker,
        YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
      },
      // Plug'n'Play takes a program in .mts for CommonJS, unless the project says that it consists of ES modules.
      ...(linker === 'pnp' && { node: [process.execPath, yarn, 'node'], manifest: { type: 'module' } }),
    };
  };

/** Each package manager keeps its downloads in `kept`. Only npm uses its own cache, which `npm ci` has filled. */
const installs = {
  npm: ({ registry, tarball }) => ({
    command: 'npm',
    args: ['install', '--no-audit', '--no-fund', '--prefer-offline', `--registry=${registry}`, tarball],
  }),
  pnpm: ({ registry, kept, tarball }) => ({
    command: process.execPath,
    args: [
      ...[program('pnpm/bin/pnpm.cjs'), 'add', tarball, '--strict-peer-dependencies'],
      ...[`--registry=${registry}`, `--store-dir=${kept}`, `--config.cache-dir=${kept}`],
    ],
    // A newer pnpm does not matter here.
    env: { npm_config_update_notifier: 'false' },
  }),
  'yarn 1': ({ registry, kept, tarball }) => ({
    command: process.execPath,
    args: [program('yarn/bin/yarn.js'), 'add', tarball, `--registry=${registry}`, `--cache-folder=${kept}`],
  }),
  'yarn 4': yarn4('node-modules'),
  "yarn 4 with Plug'n'Play": yarn4('pnp'),
} satisfies Record<string, Install>;

export type PackageManager = keyof typeof installs;
export const packageManagers = Object.keys(installs) as PackageManager[];

export class InstalledProject {
  readonly folder: string;
  readonly #running = new Set<ChildProcess>();
  readonly #place = mkdtempSync(path.join(tmpdir(), 'multi-outbox-pack-'));
  readonly #kept = path.join(this.#place, 'kept');
  #env: Readonly<Record<string, string>> = {};
  #node: readonly string[] = [process.execPath];

  /** @param example the folder of a project, relative to the repository, to begin with a copy of it */
  constructor(example?: string) {
    this.folder = path.join(this.#place, 'project');
    mkdirSync(this.folder);
    if (example === undefined) {
      this.#describe();
    } else {
      const isSource = (file: string) =>
        !['node_modules', 'dist', 'generated', 'bin', 'obj'].includes(path.basename(file));
      cpSync(path.join(root, example), this.folder, { recursive: true, filter: isSource });
    }
    // Without a lock file, yarn looks for a project in the folders above.
    this.write('yarn.lock', '');
  }

  async install(manager: PackageManager): Promise<Ended> {
    const registry = (await this.run('npm', ['config', 'get', 'registry'])).output.trim();
    const { tarball } = packedPackage();
    const install: Install = installs[manager];
    const { command, args, env, node, manifest } = install({ kept: this.#kept, registry, tarball });
    if (manifest !== undefined) this.#describe(manifest);
    this.#env = env ?? {};
    this.#node = node ?? this.#node;
    return this.run(command, args);
  }

  #describe(further: object = {}): void {
    const manifest = { name: 'project', version: '1.0.0', license: 'MIT', private: true, ...further };
    this.write('package.json', JSON.stringify(manifest));
  }

  /** Removes the files that the pattern names. */
  clear(pattern: string): void {
    for (const file of globSync(pattern, { cwd: this.folder })) rmSync(this.file(file));
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  write(name: string, text: string): void {
    mkdirSync(path.dirname(this.file(name)), { recursive: true });
    writeFileSync(this.file(name), text);
  }

  /** Names and versions of the packages that are installed, and the size of all, in bytes. */
  installed(): { packages: string[]; bytes: number } {
    return existsSync(this.file('.pnp.cjs')) ? this.#zipped() : this.#unpacked();
  }

  /** Plug'n'Play reads the packages from their archives. */
  #zipped(): { packages: string[]; bytes: number } {
    const files = globSync('cache/*.zip', { cwd: this.#kept });
    return {
      // Such as 'ms-npm-2.1.3-81ff3cfac1-10.zip'.
      packages: files.map((file) => path.basename(file).replace(/-(npm|file)-.*/, '@$1')).sort(),
      bytes: files.reduce((sum, file) => sum + statSync(path.join(this.#kept, file)).size, 0),
    };
  }

  #unpacked(): { packages: string[]; bytes: number } {
    const packages = new Set<string>();
    let bytes = 0;
    const files = readdirSync(this.file('node_modules'), { recursive: true, withFileTypes: true });
    // Node follows links to folders here, and pnpm links each package several times.
    const real = files
      .filter((each) => each.isFile())
      .map((each) => realpathSync(path.join(each.parentPath, each.name)));
    for (const file of new Set(real)) {
      bytes += statSync(file).size;
      if (!/node_modules[\\/](@[^\\/]+[\\/])?[^\\/@]+[\\/]package\.json$/.test(file)) continue;
      const { name, version } = JSON.parse(readFileSync(file, 'utf8'));
      if (name !== undefined) packages.add(`${name}@${version}`);
    }
    return { packages: [...packages].sort(), bytes };
  }

  node(...args: string[]): Promise<Ended> {
    const [command, ...before] = this.#node;
    return this.run(command!, [...before, ...args]);
  }

  /**
   * Runs node and types one text after another, each as soon as the output matches its `after`; then the input ends.
   */
  async type(args: readonly string[], texts: readonly { after: RegExp; text: string }[]): Promise<Ended> {
    const [command, ...before] = this.#node;
    const child = spawn(command!, [...before, ...args], { cwd: this.folder, env: this.#environment() });
    this.#running.add(child);
    let output = '';
    const left = [...texts];
    const more = (text: string) => {
      output += text;
      while (left[0]?.after.test(output)) child.stdin.write(left.shift()!.text);
      if (left.length === 0) child.stdin.end();
    };
    more('');
    child.stdout.setEncoding('utf8').on('data', more);
    child.stderr.setEncoding('utf8').on('data', more);
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    this.#running.delete(child);
    return { code, output };
  }

  run(command: string, args: readonly string[]): Promise<Ended> {
    return new Promise((resolve) => {
      const shell = command === 'npm' && npmShell;
      const options = { cwd: this.folder, env: this.#environment(), maxBuffer: 100_000_000, shell };
      const child = execFile(command, args, options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }),
      );
      child.stdin?.end();
    });
  }

  /** Ends the processes that still run, and removes everything. */
  remove(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.#place, { recursive: true, force: true });
  }

  /** The environment of this process, without the variables that npm and Jest set, and with those of the package manager. */
  #environment(): NodeJS.ProcessEnv {
    const own = Object.entries(process.env).filter(([name]) => !/^(npm_|jest_|node_env$)/i.test(name));
    const PATH = `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`;
    return { ...Object.fromEntries(own), PATH, NODE_NO_WARNINGS: '1', CI: 'true', ...this.#env };
  }
}
