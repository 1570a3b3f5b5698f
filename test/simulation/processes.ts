/** Shares the histories of one call out among several processes: a process has one virtual clock, and so one history. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import type { Summary } from './command.ts';

const program = path.join(import.meta.dirname, 'main.ts');

/** Runs this program once for each list of words. The first failure ends all. @throws when one of them ends otherwise */
export async function summaryOfProcesses(words: readonly (readonly string[])[]): Promise<Summary> {
  const children = words.map((each) =>
    spawn(process.execPath, [program, ...each, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  const summaries: Summary[] = [];
  await Promise.all(
    children.map(async (child) => {
      const output = await outputOf(child);
      if (child.killed) return;
      if (output === '')
        throw new Error(`a process of the simulator ended without a result (${child.exitCode})`);
      const summary = JSON.parse(output) as Summary;
      summaries.push(summary);
      if (summary.failure !== null) for (const other of children) if (other !== child) other.kill();
    }),
  );
  const sum = (count: (summary: Summary) => number) =>
    summaries.reduce((total, each) => total + count(each), 0);
  return {
    histories: sum(({ histories }) => histories),
    messages: sum(({ messages }) => messages),
    faults: sum(({ faults }) => faults),
    events: sum(({ events }) => events),
    simulatedSeconds: sum(({ simulatedSeconds }) => simulatedSeconds),
    seconds: Math.max(...summaries.map(({ seconds }) => seconds)),
    processorSeconds: sum(({ processorSeconds }) => processorSeconds),
    hashes: Object.assign({}, ...summaries.map(({ hashes }) => hashes)) as Summary['hashes'],
    failure: summaries.find(({ failure }) => failure !== null)?.failure ?? null,
  };
}

function outputOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}
