import type { Command } from 'commander';
import type { Right } from '../../console/rights.ts';
import { duration } from '../../duration-text.ts';
import { isMultiOutboxError } from '../../errors.ts';
import type { RunReport } from '../../fleet/dispatch/run-report.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { addressArgument } from '../arguments.ts';
import { beginDispatching } from '../dispatching.ts';
import { exitCodes, UsageError } from '../errors.ts';
import { helpNote } from '../help-note.ts';
import { jsonLine } from '../output/json.ts';
import { RunSums, runLine } from '../output/run.ts';
import { escapedLine } from '../output/text.ts';
import type { Runner } from '../runner.ts';
import { type ServedAddresses, serveAddresses } from '../serve-addresses.ts';
import { allowDescription, portArgument, rightsArgument, serveConsole } from '../serve-console.ts';

interface Options extends ServedAddresses {
  readonly ui?: number;
  readonly allow?: readonly Right[];
}

export function runCommand(program: Command, run: Runner): void {
  program
    .command('run')
    .description('plan and dispatch until SIGINT or SIGTERM')
    .option(
      '--health <address>',
      'serve /health/live, /health/ready and /health/fleet over HTTP: a port of 127.0.0.1, or an address with a port, such as 0.0.0.0:8080',
      addressArgument,
    )
    .option(
      '--metrics <address>',
      'serve /metrics for Prometheus over HTTP; the address may be that of --health',
      addressArgument,
    )
    .option(
      '--ui <port>',
      'serve the console at this port of 127.0.0.1 (0: a free one), and print an address that works once',
      portArgument,
    )
    .option('--allow <rights>', `with --ui: ${allowDescription} (default: nothing)`, rightsArgument)
    .addHelpText(
      'after',
      helpNote(
        'The first signal stops the process gracefully: it settles finished messages and releases unstarted ones.\n' +
          'A second signal ends the process at once. With --json every dispatch run is one line on standard output, after one with the url of --ui.',
      ),
    )
    .action((options: Options, command: Command) =>
      run(command, async (session) => {
        if (options.allow !== undefined && options.ui === undefined)
          throw new UsageError('--allow says what the console may do; give --ui too.');
        const { json } = session.options;
        // The library logs each run with more fields, as a log file needs. On a terminal and with --json this command
        // reports the runs itself.
        const reportsRuns = json || process.stderr.isTTY === true;
        const multiOutbox = await session.open({
          handlers: true,
          level: 'info',
          runLines: !reportsRuns,
          scraped: options.metrics !== undefined,
        });
        const { logger } = session;
        const dispatching = beginDispatching(logger, {
          ...session.options,
          ...session.settings.telemetry,
        });
        const { signal } = dispatching;
        const sums = new RunSums();
        let endServing = async () => {};
        let endConsole = async () => {};
        try {
          endServing = await serveAddresses(options, {
            multiOutbox,
            scrape: session.scrape,
            signal,
            logger,
          });
          await requireRegistry(multiOutbox, logger);
          if (options.ui !== undefined) {
            const { ui: port, allow = ['look'] } = options;
            const served = await serveConsole(session, multiOutbox, { port, allow, signal });
            endConsole = () => served.close();
          }
          const topics = multiOutbox.handlers.map(({ topic }) => topic).join(', ');
          logger.info(`Dispatching ${topics || '(no handlers)'}; press Ctrl+C or send SIGTERM to stop.`);
          await multiOutbox.run({
            signal,
            onRun(event) {
              dispatching.track(event);
              if (event.report === undefined) return;
              sums.add(event.report);
              if (json) process.stdout.write(jsonLine(event.report));
              else if (reportsRuns) logRun(logger, event.report);
            },
          });
        } finally {
          dispatching.end();
          await endConsole();
          await endServing();
        }
        logger.info(`Stopped after ${duration(sums.elapsedMs)}: ${sums.text()}.`);
        return exitCodes.done;
      }),
    );
}

/** A host waits while the registry is unreachable, but a missing or unmigrated registry is an error at start. */
async function requireRegistry(multiOutbox: MultiOutbox, logger: Logger): Promise<void> {
  try {
    await multiOutbox.status();
  } catch (error) {
    if (!isMultiOutboxError(error) || !error.transient) throw error;
    logger.warn(`The registry cannot be reached yet; the host keeps trying: ${escapedLine(error.message)}`);
  }
}

/** Idle runs are normal for a quiet tenant, so only --verbose shows them. */
function logRun(logger: Logger, report: RunReport): void {
  const line = escapedLine(runLine(report));
  if (report.outcome === 'failed' || report.counts.dead > 0 || report.counts.lost > 0) logger.warn(line);
  else if (report.outcome === 'idle') logger.debug(line);
  else logger.info(line);
}
