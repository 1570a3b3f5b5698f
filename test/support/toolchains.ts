/** What the machine has of other languages' tools. */
import { execFileSync } from 'node:child_process';

/** What a command prints; undefined if it is missing or fails. */
export function answer(command: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return undefined;
  }
}

/** Whether .NET 10 or newer is on PATH. */
export const hasDotnet = /^1\d\./m.test(answer('dotnet', '--list-sdks') ?? '');

export const dotnetEnv = { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' };
