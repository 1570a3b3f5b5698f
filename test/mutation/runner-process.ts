/** The process that runs tests, seen from its parent: started again when it has died or had to be ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { RunAnswer, RunRequest } from './order.ts';

/** Jest keeps some memory of every run. */
const runsOfAProcess = 100;

export type Ended = RunAnswer | 'timeout' | 'died';

export class RunnerProcess {
  readonly #root: string;
  #child: ChildProcess | undefined;
  #runs = 0;

  constructor(root: string) {
    this.#root = root;
  }

  async run(request: RunRequest, limitMs: number): Promise<Ended> {
    if (this.#runs >= runsOfAProcess) await this.stop();
    this.#runs++;
    this.#child ??= fork(path.join(this.#root, 'test/mutation/runner.ts'), {
      cwd: this.#root,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // Some tests check the behaviour without any of these settings.
      env: { ...process.env, NODE_ENV: 'test', JEST_WORKER_ID: '1' },
    });
    const child = this.#child;
    const over = new AbortController();
    const { signal } = over;
    try {
      child.send(request);
      const ended = await Promise.race([
        once(child, 'message', { signal }).then(([answer]) => answer as RunAnswer),
        once(child, 'exit', { signal }).then(() => 'died' as const),
        new Promise<'timeout'>((resolve) => {
          const timer = setTimeout(resolve, limitMs, 'timeout');
          signal.addEventListener('abort', () => clearTimeout(timer));
        }),
      ]);
      if (ended === 'timeout' || ended === 'died') await this.stop();
      return ended;
    } finally {
      over.abort();
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#runs = 0;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}
