/** The real program as a process of its own: started, killed, and waited for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const cli = resolve('dist/cli.js');
const preloads = ['end-with-parent.mjs', 'kill-at-point.mjs'].map(
  (file) => pathToFileURL(resolve('test/chaos/fixtures', file)).href,
);

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Program {
  readonly exited: Promise<Exit>;
  /** Set once the process has ended. */
  exit: Exit | undefined;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';

  /** @param script the program's command line when absent */
  constructor(args: readonly string[], environment: Readonly<Record<string, string>>, script = cli) {
    this.#child = spawn(
      process.execPath,
      [...preloads.flatMap((url) => ['--import', url]), script, ...args],
      { env: { ...inherited(), ...environment }, stdio: ['pipe', 'pipe', 'pipe'] },
    );
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.exited = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      // 'close' and not 'exit', because its last output has been read by then.
      this.#child.on('close', (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Values that it printed, one a line. A line cut short by its death is left out. */
  output<T>(): T[] {
    const lines = this.#stdout.split('\n').slice(0, -1);
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T);
  }

  /** The end of its output, for messages of failed tests. */
  get lastWords(): string {
    return this.#stderr.slice(-2_000);
  }

  /** A host that has logged that it dispatches; from then on it handles signals. */
  get isUp(): boolean {
    return this.#stderr.includes('"Dispatching ');
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  kill(): Promise<Exit> {
    this.signal('SIGKILL');
    return this.exited;
  }
}

/** The environment without the developer's own settings. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !name.startsWith('MULTI_OUTBOX_') && name !== 'NODE_OPTIONS',
    ),
  );
}
