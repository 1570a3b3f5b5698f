/** Starts the real command line (the bundle in dist/) in a folder of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const program = path.resolve(__dirname, '../../dist/cli.js');
const library = path.resolve(__dirname, '../../dist/index.js');

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** How many files the process may open; not on Windows. */
  readonly openFiles?: number;
}

/** A command that is still running. */
export interface RunningCli {
  readonly ended: Promise<CliResult>;
  output(): { stdout: string; stderr: string };
  kill(signal: NodeJS.Signals): void;
  /** Stops reading standard output, as `| head` does. */
  closeOutput(): void;
  /** Waits until the output so far fulfils a condition. */
  until(condition: (output: { stdout: string; stderr: string }) => boolean): Promise<void>;
}

export interface CliFolder {
  readonly path: string;
  /** Runs a command to its end. */
  cli(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** Runs a command with --json; fails unless it ends with 0. */
  json<T = Record<string, unknown>>(args: readonly string[], options?: CliOptions): Promise<T>;
  start(args: readonly string[], options?: CliOptions): RunningCli;
  /** Runs a module in the folder; `multi-outbox` is imported as `library`. */
  script(text: string, options?: Omit<CliOptions, 'input'>): Promise<CliResult>;
  /** As `script`, but returns the process while it runs. */
  startScript(text: string): RunningCli;
  write(name: string, text: string | Uint8Array): void;
  /** Kills the processes that still run, and removes the folder. */
  remove(): Promise<void>;
}

export function cliFolder(): CliFolder {
  const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-cli-'));
  const children = new Map<ChildProcessWithoutNullStreams, Promise<CliResult>>();

  function startNode(args: readonly string[], { input, env = {}, openFiles }: CliOptions = {}): RunningCli {
    const limited = ['-c', `ulimit -n ${openFiles} && exec "$0" "$@"`, process.execPath];
    const [command, before] = openFiles === undefined ? [process.execPath, []] : ['sh', limited];
    const child = spawn(command, [...before, ...args], {
      cwd: folder,
      env: { ...plainEnvironment(), ...env },
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
    });
    // A command that refuses its arguments ends without reading its standard input.
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    const ended = new Promise<CliResult>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        children.delete(child);
        resolve({ code, signal, ...output });
      });
    });
    children.set(child, ended);
    return {
      ended,
      output: () => ({ ...output }),
      kill: (signal) => child.kill(signal),
      closeOutput: () => child.stdout.destroy(),
      async until(condition) {
        const deadline = Date.now() + 20_000;
        while (!condition(output)) {
          if (!children.has(child)) throw new Error(`The command ended early: ${JSON.stringify(output)}`);
          if (Date.now() > deadline) throw new Error(`Waited too long: ${JSON.stringify(output)}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      },
    };
  }

  const start = (args: readonly string[], options?: CliOptions) => startNode([program, ...args], options);
  const startScript = (text: string, options: CliOptions = {}) =>
    // In Node 22 node:sqlite warns that it is experimental.
    startNode(['--disable-warning=ExperimentalWarning', '--input-type=module', '-'], {
      ...options,
      input: `import * as library from ${JSON.stringify(pathToFileURL(library).href)};\n${text}`,
    });
  const cli = (args: readonly string[], options?: CliOptions) => start(args, options).ended;
  return {
    path: folder,
    cli,
    start,
    async json<T>(args: readonly string[], options?: CliOptions): Promise<T> {
      const { code, stdout, stderr } = await cli([...args, '--json'], options);
      if (code !== 0) throw new Error(`'${args.join(' ')}' ended with ${code}: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
    script: (text, options) => startScript(text, options).ended,
    startScript,
    write: (name, text) => writeFileSync(path.join(folder, name), text),
    async remove() {
      for (const child of children.keys()) child.kill('SIGKILL');
      await Promise.all(children.values());
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The environment without MULTI_OUTBOX settings, so that a developer's own settings do not affect the tests. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(MULTI_OUTBOX_|npm_|NO_COLOR|FORCE_COLOR|NODE_OPTIONS)/.test(name),
    ),
  );
}
