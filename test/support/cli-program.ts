/**
 * Runs commands one after another in this process, which a test has forked: that takes a fraction of the time of a
 * process for each command. A message is the arguments, or a `CliRequest`; the answer is the command's exit code and output.
 */
import { errorReport, exitCodes, reportError } from '../../src/cli/errors.ts';
import { createProgram } from '../../src/cli/program.ts';
import { type GlobalOptions, Session } from '../../src/cli/session.ts';
import type { CliResult } from './cli-process.ts';

export interface CliRequest {
  readonly args: readonly string[];
  /** The folder in which the command runs. */
  readonly folder: string;
  /** The width of the terminal that standard output seems to be. */
  readonly columns: number;
  /** Variables of the environment that are set from now on. */
  readonly env: Readonly<Record<string, string>>;
}

async function outputOf(args: readonly string[], asJson: boolean): Promise<CliResult> {
  const output = { stdout: '', stderr: '' };
  const streams = ['stdout', 'stderr'] as const;
  const writes = streams.map((name) => {
    const stream = process[name];
    const write = stream.write;
    stream.write = (text: string | Uint8Array, ...rest: unknown[]) => {
      output[name] += String(text);
      const done = rest.at(-1);
      if (typeof done === 'function') done();
      return true;
    };
    return () => {
      stream.write = write;
    };
  });
  let code: number = exitCodes.done;
  const program = createProgram(async (command, action) => {
    const options = command.optsWithGlobals<Partial<GlobalOptions>>();
    const session = new Session({ json: false, verbose: false, ...options });
    try {
      code = (await action(session)) ?? exitCodes.done;
    } finally {
      await session.close();
    }
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    code = errorReport(error).exitCode;
    reportError(error, { json: asJson, verbose: false });
  } finally {
    for (const restore of writes) restore();
  }
  return { code, signal: null, ...output };
}

process.on('message', (message: string[] | CliRequest) => {
  if (!Array.isArray(message)) {
    process.chdir(message.folder);
    Object.assign(process.env, message.env);
    Object.assign(process.stdout, { isTTY: true, columns: message.columns });
  }
  const args = Array.isArray(message) ? message : message.args;
  void outputOf(args, Array.isArray(message)).then((result) => process.send!(result));
});
