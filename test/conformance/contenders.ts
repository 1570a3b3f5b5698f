/** Starts processes that contend for one storage, lets them begin together and collects their results. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import type { Job, Results, Task } from './contender.ts';
import type { EngineModule } from './harness.ts';

const script = path.join(__dirname, 'contender.ts');

interface Contender {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly result: Promise<unknown>;
}

function start(task: Task): Contender {
  const child = spawn(process.execPath, ['--no-warnings', script, JSON.stringify(task)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // The code below reports a process that has ended; an error of its closed input adds nothing.
  child.stdin.on('error', () => {});
  let printed = '';
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  const failure = (what: string) =>
    new Error(`a process with the job '${task.job.kind}' ${what}\n${complaints}`);
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      printed += chunk;
      if (printed.startsWith('ready\n')) resolve();
    });
    child.once('error', reject);
    child.once('close', () => reject(failure('ended before it was ready')));
  });
  const result = new Promise<unknown>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(printed.slice('ready\n'.length)));
      else reject(failure(`ended with ${signal ?? code}`));
    });
  });
  // The code below awaits each process and reports the first failure.
  ready.catch(() => {});
  result.catch(() => {});
  return { process: child, ready, result };
}

type ResultsOf<Jobs extends readonly Job[]> = { [Index in keyof Jobs]: Results[Jobs[Index]['kind']] };

/** Runs one process for each job. Fails with the first one that fails, and leaves none running. */
export async function contend<const Jobs extends readonly Job[]>(
  engine: EngineModule,
  jobs: Jobs,
): Promise<ResultsOf<Jobs>> {
  const contenders = jobs.map((job) => start({ engine, job }));
  try {
    await Promise.all(contenders.map(({ ready }) => ready));
    for (const contender of contenders) contender.process.stdin!.write('go\n');
    return (await Promise.all(contenders.map(({ result }) => result))) as ResultsOf<Jobs>;
  } finally {
    for (const contender of contenders) contender.process.kill('SIGKILL');
  }
}
