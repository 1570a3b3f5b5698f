import type { Command } from 'commander';
import { isMultiOutboxError } from '../../errors.ts';
import type { RunReport } from '../../fleet/dispatch/run-report.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { beginDispatching } from '../dispatching.ts';
import { exitCodes } from '../errors.ts';
import { jsonLine } from '../output/json.ts';
import { RunSums, runLine } from '../output/run.ts';
import { duration, oneLine } from '../output/text.ts';
import type { Runner } from '../runner.ts';

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
        const { json } = session.options;
        // In a log file the library's own lines tell more; on a terminal and as JSON this command tells of runs.
        const tells = json || process.stderr.isTTY === true;
        const multiOutbox = await session.open({
          handlers: true,
          level: 'info',
          runLines: !tells,
        });
        const { logger } = session;
        await requireRegistry(multiOutbox, logger);
        const dispatching = beginDispatching(logger, session.options);
        const sums = new RunSums();
        const topics = multiOutbox.handlers.map(({ topic }) => topic).join(', ');
        logger.info(`Dispatching ${topics || '(no handlers)'}; SIGINT or SIGTERM stops it.`);
        await multiOutbox
          .run({
            signal: dispatching.signal,
            onRun(event) {
              dispatching.track(event);
              if (event.report === undefined) return;
              sums.add(event.report);
              if (json) process.stdout.write(jsonLine(event.report));
              else if (tells) logRun(logger, event.report);
            },
          })
          .finally(() => dispatching.end());
        logger.info(`Stopped after ${duration(sums.elapsedMs)}: ${sums.text()}.`);
        return exitCodes.done;
      }),
    );
}

/** A host outlasts a registry that is away for a while; one that is not there, or not migrated, is a mistake. */
async function requireRegistry(multiOutbox: MultiOutbox, logger: Logger): Promise<void> {
  try {
    await multiOutbox.status();
  } catch (error) {
    if (!isMultiOutboxError(error) || !error.transient) throw error;
    logger.warn(`The registry cannot be reached yet: ${oneLine(error.message)}`);
  }
}

/** Idle runs are the normal state of a quiet tenant: they show with --verbose only. */
function logRun(logger: Logger, report: RunReport): void {
  const line = oneLine(runLine(report));
  if (report.outcome === 'failed' || report.counts.dead > 0 || report.counts.lost > 0) logger.warn(line);
  else if (report.outcome === 'idle') logger.debug(line);
  else logger.info(line);
}
