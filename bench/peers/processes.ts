/** Child processes that end with this one. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Milliseconds. */
export const longestRunMs = 600_000;

/** Runs a program, and resolves with its standard output. */
export async function outputOf(
  program: string,
  words: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  // npm would leave what it has compiled in the folder of temporary files.
  const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1', ...variables };
  const running = promisify(execFile)(program, words, {
    cwd,
    env,
    timeout: longestRunMs,
    killSignal: 'SIGKILL',
  });
  const kill = () => running.child.kill('SIGKILL');
  // Before their folder is removed, which happens at the same event.
  process.prependListener('exit', kill);
  try {
    return (await running).stdout;
  } finally {
    process.off('exit', kill);
  }
}
