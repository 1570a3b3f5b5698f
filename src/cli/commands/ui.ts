import { type Command, Option } from 'commander';
import type { Right } from '../../console/rights.ts';
import { exitCodes } from '../errors.ts';
import type { Runner } from '../runner.ts';
import { allowDescription, portArgument, rightsArgument, serveConsole } from '../serve-console.ts';
import { watchForStop } from '../signals.ts';

interface Options {
  port: number;
  allow: readonly Right[];
}

export function uiCommand(program: Command, run: Runner): void {
  program
    .command('ui')
    .description('show the fleet in the browser, on this computer only, until SIGINT or SIGTERM')
    .addOption(
      new Option('--port <number>', 'the port on 127.0.0.1').argParser(portArgument).default(0, 'a free one'),
    )
    .addOption(
      new Option('--allow <rights>', allowDescription).argParser(rightsArgument).default(['look'], 'nothing'),
    )
    .action(({ port, allow }: Options, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        // A registry that is missing or was not migrated is an error of this command, not of every page.
        await multiOutbox.status();
        const watch = watchForStop();
        try {
          const served = await serveConsole(session, multiOutbox, { port, allow, signal: watch.signal });
          await stopped(watch.signal).finally(() => served.close());
        } finally {
          watch.dispose();
        }
        return exitCodes.done;
      }),
    );
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
