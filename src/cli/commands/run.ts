import type { Command } from 'commander';
import { errorText } from '../../errors.ts';
import type { RunReport } from '../../fleet/requests.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { exitCodes } from '../errors.ts';
import { guardExit } from '../exit-guard.ts';
import { jsonLine } from '../output/json.ts';
import { createLogger } from '../output/logger.ts';
import { RunSums, runLine } from '../output/run.ts';
import { duration, oneLine } from '../output/text.ts';
import type { Runner } from '../program.ts';
import { watchForStop } from '../signals.ts';

export function runCommand(program: Command, run: Runner): void {
  program
    .command('run')
    .description('plan and dispatch until SIGINT or SIGTERM')
    .addHelpText(
      'after',
      '\nThe first signal stops it gracefully: what is finished is settled, what has not begun is given back.\n' +
        'A second one ends it at once. With --json every dispatch run is one line on standard output.',
    )
    .action((_options: object, command: Command) =>
      run(command, async (session) => {
        const { json, verbose } = session.options;
        // In a log file the library's own lines tell more; on a terminal and as JSON this command tells of runs.
        const tells = json || process.stderr.isTTY === true;
        const multiOutbox = await session.open({
          handlers: true,
          level: tells ? 'warn' : 'info',
          runLines: !tells,
        });
        const logger = await createLogger({ json, level: verbose ? 'debug' : 'info' });
        const guard = guardExit(session.options);
        const stop = watchForStop((reason) => logger.info(`Stopping (${reason}).`));
        const dispose = surviveRejections(logger);
        const sums = new RunSums();
        const topics = multiOutbox.handlers.map(({ topic }) => topic).join(', ');
        logger.info(`Dispatching ${topics || '(no handlers)'}; SIGINT or SIGTERM stops it.`);
        try {
          await multiOutbox.run({
            signal: stop.signal,
            onRun({ request, report }) {
              if (report === undefined) {
                guard.started(request.tenantId);
                return;
              }
              guard.ended(request.tenantId);
              sums.add(report);
              if (json) process.stdout.write(jsonLine(report));
              else if (tells) logRun(logger, report);
            },
          });
        } finally {
          dispose();
          stop.dispose();
          guard.disarm();
        }
        logger.info(`Stopped after ${duration(sums.elapsedMs)}: ${sums.text()}.`);
        return exitCodes.done;
      }),
    );
}

/** Idle runs are the normal state of a quiet tenant: they show with --verbose only. */
function logRun(logger: Logger, report: RunReport): void {
  const line = oneLine(runLine(report));
  if (report.outcome === 'failed' || report.counts.dead > 0 || report.counts.lost > 0) logger.warn(line);
  else if (report.outcome === 'idle') logger.debug(line);
  else logger.info(line);
}

/**
 * A promise that a handler forgot to wait for must not end the dispatch of all other tenants. An exception that
 * nobody caught still does: what it left behind is unknown.
 */
function surviveRejections(logger: Logger): () => void {
  const onRejection = (reason: unknown) => {
    logger.error(
      `A promise was rejected that nobody waits for, most likely in a handler: ${oneLine(errorText(reason))}`,
    );
  };
  process.on('unhandledRejection', onRejection);
  return () => process.off('unhandledRejection', onRejection);
}
