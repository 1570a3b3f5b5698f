/** The command line on a pseudo-terminal, by the program `script` of util-linux; elsewhere such tests are skipped, by name. */
import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { plainEnvironment } from './cli-process.ts';

const program = path.resolve(__dirname, '../../dist/cli.js');
const hasScript = (() => {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux');
  } catch {
    return false;
  }
})();

export const testOnTerminal = hasScript ? test : test.skip;

export interface TerminalRun {
  /** What the terminal has got so far. */
  output(): string;
  /** Types on the terminal's keyboard. */
  type(text: string): void;
  /** The exit code. */
  readonly ended: Promise<number | null>;
}

/** Starts a command in a folder. Its words must need no quotes. */
export function startOnTerminal(folder: string, args: readonly string[]): TerminalRun {
  // A shell that waited for it would end with the signal's exit code at Ctrl+C.
  const command = ['exec', process.execPath, program, ...args].join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: folder,
    env: plainEnvironment(),
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return {
    output: () => output,
    type: (text) => child.stdin.write(text),
    ended: new Promise((resolve) => child.on('close', resolve)),
  };
}
