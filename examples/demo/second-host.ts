/** The demo's second host: its own process, with settings from the environment. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { RunReport } from 'multi-outbox';
import { DemoFailed } from './failed.ts';

export interface SecondHost {
  readonly pid: number;
  /** Rejects when the process ends before it is asked to. */
  readonly failed: Promise<never>;
  /** Asks for a graceful end and waits for it. @throws DemoFailed when its exit code is not 0 */
  stop(): Promise<void>;
}

export function startSecondHost(options: {
  /** Path of the CLI. */
  program: string;
  onLog: (line: string) => void;
  onReport: (report: RunReport) => void;
}): SecondHost {
  const { program, onLog, onReport } = options;
  const child = spawn(process.execPath, [...process.execArgv, program, 'run', '--json'], {
    // Closing the channel stops the second host on every system. It also stops when this process has ended.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const { stdout, stderr } = child;
  // Waits for 'exit', because 'close' never comes after a disconnect from this side.
  const ended = Promise.all([
    once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
    once(stdout!, 'close'),
    once(stderr!, 'close'),
  ]).then(([exit]) => exit);
  createInterface({ input: stdout! }).on('line', (line) => onReport(JSON.parse(line) as RunReport));
  let lastWords = '';
  createInterface({ input: stderr! }).on('line', (line) => {
    lastWords = line;
    onLog(line);
  });
  let stopping = false;
  const failed = ended.then(([code, signal]): Promise<never> => {
    if (stopping) return new Promise(() => {});
    throw new DemoFailed(
      `The demo's second host ended too early (${signal ?? `exit code ${code}`}); its last output: ${lastWords.slice(0, 300)}`,
    );
  });
  // The code that waits for the demo's end awaits this promise. Until then its rejection must not count as unhandled.
  failed.catch(() => {});
  return {
    pid: child.pid!,
    failed,
    async stop() {
      stopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const kill = setTimeout(() => child.kill('SIGKILL'), 10_000);
      if (child.connected) child.disconnect();
      const [code, signal] = await ended.finally(() => clearTimeout(kill));
      if (code !== 0) {
        throw new DemoFailed(
          `The demo's second host did not stop gracefully (${signal ?? `exit code ${code}`}); its last output: ${lastWords.slice(0, 300)}`,
        );
      }
    },
  };
}
