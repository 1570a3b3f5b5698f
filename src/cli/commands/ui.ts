import { type Command, InvalidArgumentError } from 'commander';
import { type Right, rights } from '../../console/rights.ts';
import { wholeNumber } from '../arguments.ts';
import { exitCodes } from '../errors.ts';
import type { Runner } from '../runner.ts';
import { operatorName } from '../session.ts';
import { watchForStop } from '../signals.ts';

interface Options {
  port: number;
  allow: readonly Right[];
}

export function uiCommand(program: Command, run: Runner): void {
  program
    .command('ui')
    .description('show the fleet in the browser, on this computer only, until SIGINT or SIGTERM')
    .option('--port <number>', 'the port on 127.0.0.1 (default: a free one)', wholeNumber(0, 65_535), 0)
    .option(
      '--allow <rights>',
      `what the browser may do besides looking, with commas between: ${rights.slice(1).join(', ')} (default: nothing)`,
      rightsArgument,
      ['look'],
    )
    .action(({ port, allow }: Options, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        // A registry that is missing or was not migrated is an error of this command, not of every page.
        await multiOutbox.status();
        const { serveLocalConsole } = await import('../../console/local/serve.ts');
        const watch = watchForStop();
        const served = await serveLocalConsole(multiOutbox, {
          port,
          rights: allow,
          actor: operatorName(),
          logger: session.logger,
        });
        try {
          await session.show({ url: served.url, rights: allow }, () =>
            [
              `Open ${served.url}`,
              `The address works once. The browser may ${allow.join(', ')}; press Ctrl+C to stop.`,
            ].join('\n'),
          );
          await stopped(watch.signal);
        } finally {
          await served.close();
          watch.dispose();
        }
        return exitCodes.done;
      }),
    );
}

function rightsArgument(text: string): Right[] {
  const given = text.split(',').map((word) => word.trim());
  const unknown = given.find((word) => !rights.some((right) => right === word));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`Give some of ${rights.join(', ')}, with commas between.`);
  return rights.filter((right) => right === 'look' || given.includes(right));
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
