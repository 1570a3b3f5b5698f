/** Runs examples/demo/ and shows the result. */
import { type DemoResult, defaultRegistry, runDemo } from '../../../examples/demo/demo.ts';
import { DemoFailed } from '../../../examples/demo/failed.ts';
import type { CustomerResult } from '../../../examples/demo/result.ts';
import { duration } from '../../duration-text.ts';
import { isEmbedded } from '../../fleet/engines.ts';
import { loadSettings } from '../../settings.ts';
import { exitCodes, FailedError } from '../errors.ts';
import { bundledFile, programPath } from '../files.ts';
import { createLogger } from '../output/logger.ts';
import { startProgress } from '../output/progress.ts';
import { runLine } from '../output/run.ts';
import { table } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';
import { escapedLine, number } from '../output/text.ts';
import type { Session } from '../session.ts';
import { watchForStop } from '../signals.ts';

export async function demo(session: Session): Promise<number> {
  const { json, verbose, registry } = session.options;
  const say = (line: string) => {
    if (!json) process.stdout.write(`${line}\n`);
  };
  const progress = await showProgress(json);
  const stop = watchForStop();
  let result: DemoResult;
  try {
    result = await runDemo({
      program: programPath(),
      handlersFile: bundledFile('demo.js'),
      registry,
      async serverDatabases(onServer) {
        const { serverDatabases } = await import('./server-databases.ts');
        return serverDatabases(onServer, loadSettings().sqlserver);
      },
      logger: verbose ? await createLogger({ json, level: 'info' }) : undefined,
      signal: stop.signal,
      say,
      onProgress: progress.update,
      onCollision: (report) =>
        say(`Both hosts wanted one customer, so one run was skipped. ${runLine(report)}.`),
      onSecondHostLog: (line) => {
        if (verbose) process.stderr.write(`second host: ${escapedLine(line)}\n`);
      },
    });
  } catch (error) {
    throw error instanceof DemoFailed ? new FailedError(error.message, { cause: error }) : error;
  } finally {
    progress.stop();
    stop.dispose();
  }
  await session.show(result, () => resultText(result, registry ?? defaultRegistry, session.terminal));
  if (result.problems.length > 0)
    throw new FailedError(
      `The demo ended with a wrong result: ${result.problems.join('; ')}. Run it again with --verbose to see the logs of its hosts.`,
    );
  return exitCodes.done;
}

async function resultText(
  { customers, hosts, durationMs }: DemoResult,
  registry: string,
  terminal: Terminal,
): Promise<string> {
  const program = process.env.npm_lifecycle_event === 'demo' ? 'npm run --silent cli --' : 'npx multi-outbox';
  // Hides a server's URL, because it may contain a password.
  const where = isEmbedded(registry) ? `--registry ${registry}` : '--registry …';
  return [
    '',
    await resultTable(customers, terminal),
    '',
    `Done in ${duration(durationMs)}: ${hosts.first} mails by this host, ${hosts.second} by the second one.`,
    'The column Skipped counts the runs that did not begin because the other host held the lease. These commands show more:',
    `  ${program} status ${where}`,
    `  ${program} dead list --all ${where}`,
  ].join('\n');
}

function resultTable(results: readonly CustomerResult[], terminal: Terminal): Promise<string> {
  return table(
    results,
    [
      { title: 'Customer', cell: ({ customer }) => customer },
      { title: 'Dispatched', cell: ({ dispatched }) => dispatched, align: 'right' },
      { title: 'Retried', cell: ({ retried }) => retried, align: 'right', spare: 1 },
      { title: 'Dead', cell: ({ dead }) => dead, align: 'right' },
      { title: 'Skipped', cell: ({ skipped }) => skipped, align: 'right' },
      { title: 'Story', cell: ({ story }) => story, text: true },
      {
        title: 'Mails',
        cell: ({ mails, files, error }) =>
          mails === null ? (error ?? 'none') : `${files} files in ${mails}`,
        paint: (text, { error }) => (error === null ? text : terminal.colors.red(text)),
        text: true,
      },
    ],
    terminal,
  );
}

/** Shows a progress bar on a terminal; elsewhere it prints a line now and then. */
async function showProgress(json: boolean) {
  if (json || process.stderr.isTTY) return startProgress('Dispatching', 'mails', { json });
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    update(done: number, of: number) {
      if (performance.now() - lastAt < 1_000 && done < of) return;
      lastAt = performance.now();
      process.stderr.write(`${number(done)} of ${number(of)} mails dispatched\n`);
    },
    stop() {},
  };
}
