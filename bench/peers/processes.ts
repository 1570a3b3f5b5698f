/** Child processes that end with this one. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a program, and resolves with its standard output. */
export async function outputOf(
  program: string,
  words: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const env = { ...process.env, ...variables };
  const running = promisify(execFile)(program, words, { cwd, env, timeout: 600_000, killSignal: 'SIGKILL' });
  const kill = () => running.child.kill('SIGKILL');
  // Before their folder is removed, which happens at the same event.
  process.prependListener('exit', kill);
  try {
    return (await running).stdout;
  } finally {
    process.off('exit', kill);
  }
}
